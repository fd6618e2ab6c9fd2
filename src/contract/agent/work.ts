import { type Static, Type } from 'typebox';

import { Timestamp, Uuid } from '../schemas/common.js';
import {
  ContainerSpec,
  Digest,
  NodeEngine,
  PublishedPort,
  ReplicaPhase,
} from '../schemas/container.js';

const exact = { additionalProperties: false };
/** Of what a daemon says: a newer one may say more than this agent knows, which passes over it. */
const open = {};
const Generation = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Base64 = (bytes: number) =>
  Type.String({ maxLength: Math.ceil(bytes / 3) * 4, pattern: '^[A-Za-z0-9+/]*={0,2}$' });
/** Several lines, which a database keeps and a terminal shows as they are. */
const Lines = (characters: number) =>
  Type.String({ maxLength: characters, pattern: String.raw`^(?:[\t\n]|[^\p{Cc}\p{Cs}])*$` });
const Text = (characters: number) =>
  Type.String({ maxLength: characters, pattern: String.raw`^[^\p{Cc}\p{Cs}]*$` });

/** Leases that one node may have. */
export const MAX_LEASES = 512;
/** Reports of leases in one frame. */
export const MAX_LEASE_REPORTS = 32;
export const MAX_USAGE_RECORDS = 256;
/** What a container wrote last, in characters. */
export const MAX_LAST_WORDS = 2_048;

/** All that a node is to run: which leases, and which generation of each. What is not in it is to go. */
export const Work = Type.Object(
  {
    generation: Generation,
    leases: Type.Array(Type.Object({ lease: Uuid, generation: Generation }, open), {
      maxItems: MAX_LEASES,
    }),
    /** Containers whose volumes go with their leases, which are no longer among those above. */
    dropVolumes: Type.Optional(Type.Array(Uuid, { maxItems: MAX_LEASES })),
  },
  open,
);
export type Work = Static<typeof Work>;

/** Said after each welcome, and whenever it is otherwise. */
export const WorkFrame = Type.Object({ work: Work }, open);

/** One lease: a replica of a container on this node. */
export const Assignment = Type.Object(
  {
    lease: Uuid,
    generation: Generation,
    container: Type.Object(
      {
        id: Uuid,
        name: Type.String({ maxLength: 255 }),
        /** The container after which its volumes are called; absent, itself. */
        volumesOf: Type.Optional(Uuid),
      },
      open,
    ),
    replica: Type.Integer({ minimum: 1, maximum: 10_000 }),
    desired: Type.Union([Type.Literal('running'), Type.Literal('stopped')]),
    /** Rises when it is to be stopped and started once. */
    restart: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    /** Of all that makes the container what it is, without what is above. Another hash is another container. */
    specHash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    spec: ContainerSpec,
    /** The image that this revision is pinned to, once it is known. */
    digest: Type.Optional(Digest),
    secrets: Type.Array(
      Type.Object({ name: Type.String({ maxLength: 63 }), base64: Base64(65_536) }, open),
      { maxItems: 64 },
    ),
    registryAuth: Type.Optional(
      Type.Object(
        { username: Type.String({ maxLength: 255 }), password: Type.String({ maxLength: 65_536 }) },
        open,
      ),
    ),
  },
  open,
);
export type Assignment = Static<typeof Assignment>;
export const AssignFrame = Type.Object({ assign: Assignment }, open);

/** What of the work the agent does not hold yet in that generation. Answered with an assignment each. */
export const NeedFrame = Type.Object(
  { need: Type.Object({ leases: Type.Array(Uuid, { maxItems: MAX_LEASES }) }, exact) },
  exact,
);

/** How one lease stands. */
export const LeaseReport = Type.Object(
  {
    lease: Uuid,
    /** The generation of its assignment that this is about. */
    generation: Generation,
    phase: ReplicaPhase,
    /** Why it is not as it is to be: a code of the table of errors, and a sentence. */
    code: Type.Optional(Type.String({ pattern: '^[A-Z][A-Z_]{1,62}$' })),
    reason: Type.Optional(Text(512)),
    lastWords: Type.Optional(Lines(MAX_LAST_WORDS)),
    /** How often it has failed in a row; it is tried again meanwhile. */
    failures: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000 })),
    exitCode: Type.Optional(Type.Integer({ minimum: -1, maximum: 255 })),
    restarts: Type.Integer({ minimum: 0, maximum: 1_000_000_000 }),
    startedAt: Type.Optional(Timestamp),
    ports: Type.Array(PublishedPort, { maxItems: 64 }),
    digest: Type.Optional(Digest),
    /** Hash of what runs, where that is not (yet) what was assigned: an update that failed left the one before. */
    specHash: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
  },
  exact,
);
export type LeaseReport = Static<typeof LeaseReport>;

/** How far the agent has come with its work. All leases after each welcome, those that changed from then on. */
export const WorkReportFrame = Type.Object(
  {
    workReport: Type.Object(
      {
        /** Of the work that lies on its disk. */
        generation: Generation,
        /** Absent: there is none, or it does not answer. */
        engine: Type.Optional(NodeEngine),
        /** Why there is none. */
        engineProblem: Type.Optional(Text(512)),
        leases: Type.Array(LeaseReport, { maxItems: MAX_LEASE_REPORTS }),
      },
      exact,
    ),
  },
  exact,
);
export type WorkReport = Static<typeof WorkReportFrame>['workReport'];

/** What was used. Sent until it is noted; the same record sent twice is noted once. */
export const UsageRecord = Type.Object(
  {
    lease: Uuid,
    bootId: Text(64),
    seq: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    from: Timestamp,
    to: Timestamp,
    cpuMicros: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    memoryMibSeconds: Type.Number({ minimum: 0, maximum: 1e15 }),
    rxBytes: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    txBytes: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  },
  exact,
);
export type UsageRecordFrame = Static<typeof UsageRecord>;

export const UsageFrame = Type.Object(
  {
    usage: Type.Object(
      { id: Generation, records: Type.Array(UsageRecord, { maxItems: MAX_USAGE_RECORDS }) },
      exact,
    ),
  },
  exact,
);
/** The records of that frame are kept by the daemon: the agent forgets them. */
export const UsageNotedFrame = Type.Object(
  { usageNoted: Type.Object({ id: Generation }, open) },
  open,
);
