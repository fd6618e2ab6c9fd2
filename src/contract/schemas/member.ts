import { type Static, Type } from 'typebox';

import { Named, Timestamp, Uuid } from './common.js';

/** A DNS label, as for nodes; that it is not shaped like a UUID is checked by the rules. */
export const MemberName = Type.String({
  minLength: 1,
  maxLength: 255,
  description: 'A DNS label: 1 to 63 lower-case letters, digits and inner hyphens; not a UUID.',
});

export const RoleName = Type.String({
  pattern: '^[a-z][a-z0-9_]{0,62}$',
  description: 'Lower-case letters, digits and underscores, such as node_manager.',
});

export const RoleNames = Type.Array(RoleName, { minItems: 1, maxItems: 16, uniqueItems: true });

export const MemberStatus = Type.Union([
  Type.Literal('invited'),
  Type.Literal('active'),
  Type.Literal('disabled'),
  Type.Literal('removed'),
]);

export const Member = Type.Object({
  id: Uuid,
  name: Type.String(),
  status: MemberStatus,
  roles: Type.Array(Type.String()),
  description: Type.Optional(Type.String()),
  /** Of a member that was removed: what it was called. */
  formerName: Type.Optional(Type.String()),
  lastSeenAt: Type.Optional(Timestamp),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  version: Type.Integer({ description: 'Rises by one with each change.' }),
});
export type Member = Static<typeof Member>;

/** Shown once, where it is made, and nowhere else. */
export const Invitation = Type.Object({
  secret: Type.String({ description: 'Redeem it once with `syntropy login --invitation-stdin`.' }),
  expiresAt: Timestamp,
});
export type Invitation = Static<typeof Invitation>;

export const Role = Type.Object({
  name: Type.String(),
  summary: Type.String(),
  permissions: Type.Array(Type.String()),
  builtIn: Type.Boolean(),
});
export type Role = Static<typeof Role>;

/** A personal access token, without its secret. */
export const AccessToken = Type.Object({
  id: Uuid,
  name: Type.String(),
  member: Named,
  scopes: Type.Array(Type.String(), { description: 'What it may do, as far as its member may.' }),
  createdAt: Timestamp,
  expiresAt: Timestamp,
  lastUsedAt: Type.Optional(Timestamp),
  revokedAt: Type.Optional(Timestamp),
});
export type AccessToken = Static<typeof AccessToken>;

/** A JSON Web Token that is good for minutes, and a secret that is good for one more of both. */
export const SessionTokens = Type.Object({
  accessToken: Type.String({ description: 'RS256 JWT; send it as `Authorization: Bearer`.' }),
  expiresAt: Timestamp,
  refreshToken: Type.String({ description: 'Good once; a second use ends the session.' }),
  refreshExpiresAt: Timestamp,
  member: Named,
});
export type SessionTokens = Static<typeof SessionTokens>;

/** Who calls, as the daemon sees it. */
export const Caller = Type.Object({
  member: Named,
  /** Who stands behind `--as`. */
  actor: Type.Optional(Named),
  roles: Type.Array(Type.String()),
  permissions: Type.Array(Type.String()),
  via: Type.Union([Type.Literal('socket'), Type.Literal('session'), Type.Literal('token')]),
  expiresAt: Type.Optional(Timestamp),
});
export type Caller = Static<typeof Caller>;
