import type { SyntropyClient } from '../client/client.js';
import type { NodeToken } from '../contract/schemas/node-token.js';
import type { Column } from './table.js';

import { AppError } from '../core/types/errors/app-error.js';
import { isUuid } from '../core/utils/node-name.js';
import { quoted } from '../core/utils/quoted.js';
import { formatAge, formatLabels } from './format.js';
import { allPages, PAGE_LIMIT } from './pages.js';
import { fields } from './table.js';

const SHORT_ID = 8;

export const nodeTokenColumns: readonly Column<NodeToken>[] = [
  { title: 'ID', value: ({ id }) => id.slice(0, SHORT_ID) },
  { title: 'FOR', value: ({ node }) => node?.name ?? 'new nodes' },
  { title: 'OWNER', value: ({ owner }) => owner.name },
  { title: 'STATE', value: (token) => stateOf(token) },
  { title: 'LEFT', value: ({ usesLeft, maxUses }) => `${usesLeft}/${maxUses}` },
  { title: 'APPROVAL', value: ({ approval }) => approval },
  { title: 'EXPIRES', value: ({ expiresAt }) => expiresAt },
  { title: 'USED', value: ({ lastUsedAt }) => (lastUsedAt ? `${formatAge(lastUsedAt)} ago` : '') },
  { title: 'LABELS', value: ({ labels }) => formatLabels(labels) },
];

/** All that is known of one token, a line each; its secret is not. */
export function describeNodeToken(token: NodeToken): string {
  return fields([
    ['Id', token.id],
    ['For', token.node?.name ?? 'new nodes'],
    ['Owner', token.owner.name],
    ['State', stateOf(token)],
    ['Machines', `${token.usesLeft} of ${token.maxUses} left`],
    ['Approval', token.approval],
    ['Labels', formatLabels(token.labels)],
    ['Expires', token.expiresAt],
  ]);
}

/** The id of a token that is told by its id or by how that begins, as the list shows it. @throws {AppError} TOKEN_NOT_FOUND. */
export async function nodeTokenId(client: SyntropyClient, text: string): Promise<string> {
  if (isUuid(text)) return text;
  const tokens = await allPages(
    (cursor) => client.call('nodeTokens.list', { all: true, ...cursor, limit: PAGE_LIMIT }),
    (page) => page.nodeTokens,
  );
  const found = text.length < SHORT_ID ? [] : tokens.filter(({ id }) => id.startsWith(text));
  const [token, ...others] = found;
  if (token && others.length === 0) return token.id;
  throw new AppError(
    'TOKEN_NOT_FOUND',
    token
      ? `Several node tokens begin with ${quoted(text)}.`
      : `There is no node token ${quoted(text)}.`,
    { token: text },
  );
}

function stateOf({ revokedAt, expiresAt, usesLeft }: NodeToken): string {
  if (revokedAt !== undefined) return 'revoked';
  if (usesLeft === 0) return 'used';
  return Date.parse(expiresAt) <= Date.now() ? 'expired' : 'good';
}
