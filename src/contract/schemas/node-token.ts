import { type Static, Type } from 'typebox';

import { Named, Timestamp, Uuid } from './common.js';

export const Approval = Type.Union([Type.Literal('auto'), Type.Literal('manual')], {
  description:
    'Whether a machine that joins with it is a node at once, or when somebody approves it.',
});

/** A token that machines join with. Its secret is told once, where it is made. */
export const NodeToken = Type.Object({
  id: Uuid,
  node: Type.Optional(Named),
  owner: Named,
  labels: Type.Record(Type.String(), Type.String()),
  approval: Approval,
  maxUses: Type.Integer(),
  usesLeft: Type.Integer(),
  createdBy: Type.String(),
  createdAt: Timestamp,
  expiresAt: Timestamp,
  lastUsedAt: Type.Optional(Timestamp),
  revokedAt: Type.Optional(Timestamp),
});
export type NodeToken = Static<typeof NodeToken>;
