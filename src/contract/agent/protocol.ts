import { type Static, Type } from 'typebox';

import { NodeRef, Timestamp, Uuid } from '../schemas/common.js';
import { Hardware } from '../schemas/hardware.js';
import { Sample } from '../schemas/sample.js';
import { Capacity, LogUnit, NodeProblem, Offer } from '../schemas/node.js';
import { ChunkFrame, CreditFrame, FeedFrame, OpenFrame, OverFrame, ShutFrame } from './channel.js';
import { RELEASE_VERSION } from './release.js';
import {
  AssignFrame,
  NeedFrame,
  UsageFrame,
  UsageNotedFrame,
  WorkFrame,
  WorkReportFrame,
} from './work.js';

/** Where agents connect. Not an operation: who comes there proves to be a node, not a member. */
export const AGENT_PATH = '/v1/agent';

/** Versions of what is spoken there. The newest that both sides know is used; without one in common the daemon refuses in words. */
export const AGENT_PROTOCOLS: readonly number[] = [1];

/** Whatever is larger ends the connection. */
export const MAX_AGENT_FRAME_BYTES = 256 << 10;

const exact = { additionalProperties: false };
/** Of what a daemon says: a newer one may say more than this agent knows, which passes over it. */
const open = {};
const Base64Url = (bytes: number) =>
  Type.String({ pattern: `^[A-Za-z0-9_-]{${Math.ceil((bytes * 4) / 3)}}$` });
/** Without what a terminal obeys. */
const Word = Type.String({ maxLength: 128, pattern: String.raw`^[^\p{C}]*$` });

/** Raw public keys, base64url. */
export const PublicKey = Base64Url(32);
export const Signature = Base64Url(64);
/** Of whatever tells a machine from others. */
export const MachineHash = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** First word of the daemon: what it speaks, and what the agent is to sign. */
export const HelloFrame = Type.Object(
  {
    hello: Type.Object(
      {
        protocols: Type.Array(Type.Integer({ minimum: 1 }), { minItems: 1, maxItems: 16 }),
        nonce: Base64Url(32),
        at: Timestamp,
      },
      open,
    ),
  },
  open,
);

/** The agent's answer: which node it is, signed with that node's key. */
export const ProofFrame = Type.Object(
  {
    proof: Type.Object(
      {
        protocol: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
        node: Uuid,
        machine: MachineHash,
        bootId: Word,
        agentVersion: Word,
        at: Timestamp,
        signature: Signature,
      },
      exact,
    ),
  },
  exact,
);

/** What a node is to be. `generation` rises with each change; the agent says which one it has reached. */
export const Desired = Type.Object(
  {
    generation: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    name: Type.String({ maxLength: 255 }),
    offer: Type.Optional(Offer),
    drained: Type.Boolean(),
    /** The start of the machine that is to end. Whoever has another boot id has obeyed. */
    restart: Type.Optional(Type.Object({ bootId: Word, force: Type.Boolean() }, open)),
    /** What the agent is to be replaced with. Another order is tried anew, also for the same version. */
    update: Type.Optional(
      Type.Object(
        {
          version: Type.String({ maxLength: 64, pattern: RELEASE_VERSION.source }),
          order: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
        },
        open,
      ),
    ),
    /** It is to take its keys away and leave. */
    dismissed: Type.Optional(Type.Literal(true)),
  },
  open,
);
export type Desired = Static<typeof Desired>;

export const WelcomeFrame = Type.Object(
  {
    welcome: Type.Object(
      {
        protocol: Type.Integer({ minimum: 1 }),
        node: NodeRef,
        heartbeatSeconds: Type.Integer({ minimum: 1, maximum: 3_600 }),
        desired: Desired,
      },
      open,
    ),
  },
  open,
);

export const DesiredFrame = Type.Object({ desired: Desired }, open);

/** That it lives, and how far it has come. */
export const HeartbeatFrame = Type.Object(
  {
    heartbeat: Type.Object(
      {
        seq: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
        at: Timestamp,
        observedGeneration: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
        /** How the machine fares, when that was looked at since the last heartbeat. */
        sample: Type.Optional(Sample),
      },
      exact,
    ),
  },
  exact,
);

/** What the machine is made of: after the welcome, and when it is another. */
export const HardwareFrame = Type.Object({ hardware: Hardware }, exact);

/** What has become of what the node is to be. Said each time that it was told anew. */
export const ReportFrame = Type.Object(
  {
    report: Type.Object(
      {
        generation: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
        capacity: Capacity,
        problems: Type.Array(NodeProblem, { maxItems: 16 }),
      },
      exact,
    ),
  },
  exact,
);

/** Lines that fit one frame. */
export const MAX_LOG_LINES = 64;

/** From one frame of new lines to the next, of one log that is followed. The agent keeps to it, and the daemon counts by it. */
export const LOG_BATCH_MS = 500;

/** The last lines of a log of the agent's own, and new ones if it is followed. Nothing else of the machine can be read. */
export const LogsWanted = Type.Object(
  {
    id: Uuid,
    unit: LogUnit,
    lines: Type.Integer({ minimum: 0, maximum: 1_000 }),
    follow: Type.Boolean(),
  },
  open,
);
export type LogsWanted = Static<typeof LogsWanted>;

export const LogsFrame = Type.Object({ logs: LogsWanted }, open);

/** That nobody reads it any more. */
export const LogsEndFrame = Type.Object({ logsEnd: Type.Object({ id: Uuid }, open) }, open);

export const LogLinesFrame = Type.Object(
  {
    logLines: Type.Object(
      {
        id: Uuid,
        lines: Type.Array(Type.String({ maxLength: 2_000 }), { maxItems: MAX_LOG_LINES }),
        dropped: Type.Integer({
          minimum: 0,
          maximum: 1_000_000_000,
          description: 'Lines before these that were too many to be sent.',
        }),
        end: Type.Boolean(),
      },
      exact,
    ),
  },
  exact,
);
export type LogLines = Static<typeof LogLinesFrame>['logLines'];

/** That the machine is to be a node no more. */
export const LeaveFrame = Type.Object({ leave: Type.Object({}, exact) }, exact);

/** Says that the node is forgotten here; the connection ends. */
export const LeftFrame = Type.Object({ left: Type.Object({}, open) }, open);

/** Says that a heartbeat arrived, and what time it is here. */
export const BeatenFrame = Type.Object(
  { beaten: Type.Object({ seq: Type.Integer(), at: Timestamp }, open) },
  open,
);

/** Last word of the daemon before it closes. `final`: coming again is of no use. */
export const RefusedFrame = Type.Object(
  {
    refused: Type.Object(
      {
        code: Type.String({ maxLength: 64 }),
        message: Type.String({ maxLength: 1_024 }),
        hint: Type.String({ maxLength: 1_024 }),
        final: Type.Boolean(),
        /** When to come again, at the earliest. */
        retryAfterSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 3_600 })),
      },
      open,
    ),
  },
  open,
);

export const AgentFrame = Type.Union([
  ProofFrame,
  HeartbeatFrame,
  HardwareFrame,
  ReportFrame,
  LogLinesFrame,
  NeedFrame,
  WorkReportFrame,
  UsageFrame,
  ChunkFrame,
  OverFrame,
  LeaveFrame,
]);
export type AgentFrame = Static<typeof AgentFrame>;
export const DaemonFrame = Type.Union([
  HelloFrame,
  WelcomeFrame,
  DesiredFrame,
  BeatenFrame,
  LogsFrame,
  LogsEndFrame,
  WorkFrame,
  AssignFrame,
  UsageNotedFrame,
  OpenFrame,
  CreditFrame,
  FeedFrame,
  ShutFrame,
  LeftFrame,
  RefusedFrame,
]);
export type DaemonFrame = Static<typeof DaemonFrame>;

export type Proof = Static<typeof ProofFrame>['proof'];
export type Heartbeat = Static<typeof HeartbeatFrame>['heartbeat'];
export type Report = Static<typeof ReportFrame>['report'];
export type Refused = Static<typeof RefusedFrame>['refused'];

/**
 * What an agent signs to prove that it is a node. Bound to the nonce, so that it is good once, and to the grid's authority, so that a
 * daemon elsewhere cannot pass it on.
 */
export function proofText(
  { protocol, node, machine, bootId, agentVersion, at }: Omit<Proof, 'signature'>,
  nonce: string,
  caSha256: string,
): string {
  return [
    'syntropy agent proof 1',
    caSha256,
    nonce,
    protocol,
    node,
    machine,
    bootId,
    agentVersion,
    at,
  ].join('\n');
}

/** What a machine signs to join: that it holds the private half of the key it shows, for this token and this grid. */
export function joinText(
  request: {
    readonly identityKey: string;
    readonly wireguardKey: string;
    readonly machine: string;
    readonly secret: string;
  },
  caSha256: string,
): string {
  const { identityKey, wireguardKey, machine, secret } = request;
  return ['syntropy agent join 1', caSha256, secret, identityKey, wireguardKey, machine].join('\n');
}
