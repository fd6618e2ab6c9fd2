import { type Static, Type } from 'typebox';

import { LABEL_KEY } from '../../core/types/constants/label-key.js';
import { NodeEngine } from './container.js';
import { Bytes, Named, Timestamp, Uuid } from './common.js';
import { Hardware } from './hardware.js';
import { SampleAt } from './sample.js';

/** A DNS label (RFC 1123); that it is not shaped like a UUID is checked by the rules. */
export const NodeName = Type.String({
  minLength: 1,
  maxLength: 255,
  description: 'A DNS label: 1 to 63 lower-case letters, digits and inner hyphens; not a UUID.',
});

export const NodeStatus = Type.Union([
  Type.Literal('provisioning'),
  Type.Literal('provisioned'),
  Type.Literal('joining'),
  Type.Literal('online'),
  Type.Literal('degraded'),
  Type.Literal('offline'),
  Type.Literal('lost'),
  Type.Literal('retired'),
  Type.Literal('failed'),
]);

export const Labels = Type.Record(
  Type.String({ pattern: LABEL_KEY }),
  Type.String({ maxLength: 255 }),
  { maxProperties: 64, additionalProperties: false },
);

export const Provisioning = Type.Object({
  operationId: Uuid,
  image: Type.String(),
  target: Type.String({ description: 'Device or file that was written.' }),
  model: Type.Optional(Type.String()),
  serial: Type.Optional(Type.String()),
  targetState: Type.Union([
    Type.Literal('untouched'),
    Type.Literal('verified'),
    Type.Literal('written-not-verified'),
    Type.Literal('unusable'),
    Type.Literal('removed'),
  ]),
  imageBytes: Type.Optional(Bytes),
  bytesPerSecond: Type.Optional(Type.Number()),
  durationMs: Type.Optional(Type.Number()),
  verified: Type.Boolean(),
  identityWritten: Type.Boolean(),
  joinTokenExpiresAt: Type.Optional(Timestamp),
});

/** Parts of a machine that can be lent. */
const lendable = {
  cpuMillis: Type.Integer({
    minimum: 0,
    maximum: 1_000_000_000,
    description: 'Thousandths of a core.',
  }),
  memoryBytes: Bytes,
  diskBytes: Bytes,
};

/** What there is to lend. */
export const Capacity = Type.Object(lendable, { additionalProperties: false });
export type Capacity = Static<typeof Capacity>;

/** What an owner lends of a machine. A part that is missing is not lent. */
export const Offer = Type.Partial(Capacity);
export type Offer = Static<typeof Offer>;

/** What of a node has a log that the grid may read: the agent's own programs, and nothing else of a member's machine. */
export const LogUnit = Type.Literal('agent', { description: 'Whose log.' });

/** What a node could not do of what it is told. */
export const NodeProblem = Type.Object(
  {
    code: Type.String({ pattern: '^[A-Z][A-Z_]{1,62}$' }),
    message: Type.String({ maxLength: 512, pattern: String.raw`^[^\p{C}]*$` }),
  },
  { additionalProperties: false },
);
export type NodeProblem = Static<typeof NodeProblem>;

/** What is known of the machine that joined as a node. */
export const NodeAgent = Type.Object({
  approval: Type.Union([
    Type.Literal('approved'),
    Type.Literal('pending'),
    Type.Literal('rejected'),
  ]),
  joinedAt: Timestamp,
  version: Type.Optional(Type.String()),
  wantedVersion: Type.Optional(
    Type.String({ description: 'What it is to be replaced with, for as long as it is not.' }),
  ),
  bootId: Type.Optional(Type.String({ description: 'Another one after each start.' })),
  source: Type.Optional(Type.String({ description: 'Where it connected from.' })),
  connectedAt: Type.Optional(Timestamp),
  lastSeenAt: Type.Optional(Timestamp),
  clockSkewMs: Type.Optional(
    Type.Integer({ description: 'How far its clock is ahead; negative when it is behind.' }),
  ),
  generation: Type.Integer({ description: 'Rises with each change of what the node is to be.' }),
  observedGeneration: Type.Integer({ description: 'What the node has reached.' }),
  capacity: Type.Optional(Capacity),
  problems: Type.Array(NodeProblem, {
    description: 'What it could not do of what it is told.',
  }),
  engine: Type.Optional(NodeEngine),
  engineProblem: Type.Optional(
    Type.String({ description: 'Why it has no engine to run containers with.' }),
  ),
});

export const Node = Type.Object({
  id: Uuid,
  name: Type.String(),
  owner: Named,
  status: NodeStatus,
  statusReason: Type.Optional(Type.String()),
  statusSince: Timestamp,
  description: Type.Optional(Type.String()),
  location: Type.Optional(Type.String()),
  labels: Type.Record(Type.String(), Type.String()),
  offer: Type.Optional(Offer),
  drained: Type.Optional(
    Type.Object(
      { since: Timestamp, reason: Type.Optional(Type.String()) },
      { description: 'It takes no new work.' },
    ),
  ),
  formerName: Type.Optional(Type.String()),
  provisioning: Type.Optional(Provisioning),
  agent: Type.Optional(NodeAgent),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  version: Type.Integer({ description: 'Rises by one with each change.' }),
});
export type Node = Static<typeof Node>;

/** One node with what is known of its machine. */
export const NodeDetails = Type.Object({
  ...Node.properties,
  hardware: Type.Optional(Hardware),
  sample: Type.Optional(SampleAt),
});
export type NodeDetails = Static<typeof NodeDetails>;
