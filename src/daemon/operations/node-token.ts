import type { AgentService } from '../../core/services/node/agent.service.js';
import type { Handlers } from '../dispatch.js';

import { encodeJoinToken } from '../../contract/agent/join-token.js';
import { decodeCursor, encodeCursor } from '../page-cursor.js';

const DEFAULT_LIMIT = 100;

const NO_ADDRESS =
  'This daemon has no address that a machine can reach: give --daemon-url, or set publicUrl.';
const NOT_ANNOUNCED =
  'This daemon does not announce itself on its network: it has to listen there over TLS (--listen 0.0.0.0:8080), with discovery.announce. Until then, join with --url.';

/** Tokens that machines join with. */
export function nodeTokenHandlers(
  agents: AgentService,
  isAnnounced: () => boolean,
): Pick<Handlers, 'nodeTokens.list' | 'nodeTokens.create' | 'nodeTokens.revoke'> {
  return {
    'nodeTokens.list': async ({ all, cursor, limit = DEFAULT_LIMIT }, { subject }) => {
      const page = await agents.listTokens({
        ...(subject.permissions.has('nodes:any') ? {} : { ownerId: subject.id }),
        all: all ?? false,
        ...(cursor === undefined ? {} : { after: decodeCursor(cursor) }),
        limit: limit + 1,
      });
      const shown = page.slice(0, limit);
      const last = shown.at(-1);
      return {
        nodeTokens: shown,
        ...(page.length > limit && last
          ? { nextCursor: encodeCursor(`${last.createdAt.toISOString()}|${last.id}`) }
          : {}),
      };
    },
    'nodeTokens.create': async (input, { subject }, note) => {
      const { token, secret, url, caSha256 } = await agents.createToken(input, subject);
      note({ object: { kind: 'nodeToken', ref: token.id } });
      return {
        nodeToken: token,
        token: encodeJoinToken({ caSha256, secret, ...(url === undefined ? {} : { url }) }),
        warnings: [
          ...(url === undefined && !input.discover ? [NO_ADDRESS] : []),
          ...(url === undefined && !isAnnounced() ? [NOT_ANNOUNCED] : []),
        ],
      };
    },
    'nodeTokens.revoke': ({ nodeToken }) => agents.revokeToken(nodeToken),
  };
}
