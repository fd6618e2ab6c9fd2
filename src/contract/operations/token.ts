import { Type } from 'typebox';

import { operation } from '../operation.js';
import { Input, PageCursor, PageLimit, Ref, Uuid } from '../schemas/common.js';
import { AccessToken } from '../schemas/member.js';

const OfMember = Type.String({
  ...Ref,
  description: 'Whose; the caller unless said otherwise. Of another needs tokens:any.',
});

export const listTokens = operation({
  id: 'tokens.list',
  kind: 'query',
  summary: 'List personal access tokens, newest first.',
  permission: 'tokens:read',
  http: ['GET', '/v1/tokens'],
  input: Input({
    member: Type.Optional(OfMember),
    all: Type.Optional(Type.Boolean({ description: 'Also those that have ended.' })),
    cursor: Type.Optional(PageCursor),
    limit: Type.Optional(PageLimit),
  }),
  output: Type.Object({ tokens: Type.Array(AccessToken), nextCursor: Type.Optional(PageCursor) }),
  errors: ['MEMBER_NOT_FOUND', 'PERMISSION_DENIED'],
});

export const createToken = operation({
  id: 'tokens.create',
  kind: 'mutation',
  summary:
    'Make a personal access token of one’s own. Its secret is answered this once; a retry with the same key has it not.',
  permission: 'tokens:write',
  http: ['POST', '/v1/tokens'],
  object: { kind: 'token', field: 'name', isNew: true },
  httpStatus: 201,
  input: Input({
    name: Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9][A-Za-z0-9._ -]*$' }),
    scopes: Type.Array(Type.String({ maxLength: 64 }), {
      minItems: 1,
      maxItems: 64,
      uniqueItems: true,
      description: 'Permissions that the caller holds.',
    }),
    ttlSeconds: Type.Optional(
      Type.Integer({ minimum: 60, maximum: 31_536_000, description: 'Default: 30 days.' }),
    ),
  }),
  output: Type.Object({ token: AccessToken, secret: Type.Optional(Type.String()) }),
  secrets: ['secret'],
  errors: ['INPUT_INVALID', 'PERMISSION_DENIED', 'TOKEN_NAME_TAKEN', 'LIMIT_REACHED'],
  idempotent: true,
});

export const revokeToken = operation({
  id: 'tokens.revoke',
  kind: 'mutation',
  summary: 'Revoke a personal access token. It is refused everywhere within seconds.',
  permission: 'tokens:write',
  http: ['DELETE', '/v1/tokens/:token'],
  object: { kind: 'token', field: 'token' },
  input: Input({ token: Uuid }),
  output: AccessToken,
  errors: ['TOKEN_NOT_FOUND'],
  idempotent: true,
});
