import type { SyntropyClient } from '../client/client.js';

import { AppError } from '../core/types/errors/app-error.js';
import { isUuid } from '../core/utils/node-name.js';
import { allPages, PAGE_LIMIT } from './pages.js';
import { quoted } from '../core/utils/quoted.js';

/** The id of a token that is told by id or name: a name is unique among the good ones of one member. @throws {AppError} TOKEN_NOT_FOUND. */
export async function tokenId(
  client: SyntropyClient,
  token: string,
  member: string | undefined,
): Promise<string> {
  if (isUuid(token)) return token;
  const whose = member === undefined ? {} : { member };
  const tokens = await allPages(
    (cursor) => client.call('tokens.list', { ...whose, ...cursor, limit: PAGE_LIMIT }),
    (page) => page.tokens,
  );
  const found = tokens.find(({ name }) => name === token);
  if (found) return found.id;
  throw new AppError('TOKEN_NOT_FOUND', `There is no token ${quoted(token)}.`, { token });
}
