import { type Static, Type } from 'typebox';

import { Timestamp, Uuid } from './common.js';
import { NodeStatus } from './node.js';

export const Finding = Type.Object({
  code: Type.String({ description: 'What is wrong, such as `disk-full`.' }),
  severity: Type.Union([Type.Literal('critical'), Type.Literal('warning')], {
    description: '`critical` keeps the node from its work.',
  }),
  message: Type.String(),
  hint: Type.String({ description: 'What to do about it.' }),
});

/** One node and all that is wrong with it. */
export const NodeHealth = Type.Object({
  id: Uuid,
  name: Type.String(),
  status: NodeStatus,
  lastSeenAt: Type.Optional(Timestamp),
  findings: Type.Array(Finding),
});
export type NodeHealth = Static<typeof NodeHealth>;
