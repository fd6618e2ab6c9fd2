import { Type } from 'typebox';

import { operation } from '../operation.js';
import { Input, PageCursor, PageLimit, Ref, Uuid } from '../schemas/common.js';
import { Labels } from '../schemas/node.js';
import { Approval, NodeToken } from '../schemas/node-token.js';

export const listNodeTokens = operation({
  id: 'nodeTokens.list',
  kind: 'query',
  summary: 'List the tokens that machines join with, newest first.',
  permission: 'nodes:write',
  http: ['GET', '/v1/node-tokens'],
  input: Input({
    all: Type.Optional(Type.Boolean({ description: 'Also those that are no longer good.' })),
    cursor: Type.Optional(PageCursor),
    limit: Type.Optional(PageLimit),
  }),
  output: Type.Object({
    nodeTokens: Type.Array(NodeToken),
    nextCursor: Type.Optional(PageCursor),
  }),
  errors: [],
});

export const createNodeToken = operation({
  id: 'nodeTokens.create',
  kind: 'mutation',
  summary:
    'Make a token that machines join with. It is answered this once; a retry with the same key has it not.',
  permission: 'nodes:write',
  http: ['POST', '/v1/node-tokens'],
  object: { kind: 'nodeToken', field: 'owner', isNew: true },
  httpStatus: 201,
  input: Input({
    owner: Type.Optional(
      Type.String({ ...Ref, description: 'Whose nodes it makes; the caller’s by default.' }),
    ),
    uses: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10_000, description: 'How many machines; default 1.' }),
    ),
    ttlSeconds: Type.Optional(
      Type.Integer({ minimum: 60, maximum: 31_536_000, description: 'Default: one day.' }),
    ),
    labels: Type.Optional(Labels),
    approval: Type.Optional(Approval),
    daemonUrl: Type.Optional(
      Type.String({
        maxLength: 2048,
        description: 'Where machines reach this daemon; its public address by default.',
      }),
    ),
    discover: Type.Optional(
      Type.Boolean({
        description:
          'Without an address: machines look for a daemon of this grid on their network.',
      }),
    ),
  }),
  output: Type.Object({
    nodeToken: NodeToken,
    token: Type.Optional(Type.String()),
    warnings: Type.Array(Type.String()),
  }),
  secrets: ['token'],
  errors: ['INPUT_INVALID', 'MEMBER_NOT_FOUND', 'PERMISSION_DENIED', 'LIMIT_REACHED'],
  idempotent: true,
});

export const revokeNodeToken = operation({
  id: 'nodeTokens.revoke',
  kind: 'mutation',
  summary: 'Revoke a token that machines join with. Those that have joined stay.',
  permission: 'nodes:write',
  http: ['DELETE', '/v1/node-tokens/:nodeToken'],
  object: { kind: 'nodeToken', field: 'nodeToken' },
  input: Input({ nodeToken: Uuid }),
  output: NodeToken,
  errors: ['TOKEN_NOT_FOUND'],
  idempotent: true,
});
