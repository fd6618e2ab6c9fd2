import { type Static, Type } from 'typebox';

import { Uuid } from '../schemas/common.js';

const exact = { additionalProperties: false };
const open = {};

/**
 * A channel is one stream of bytes or lines between a daemon and a replica: a log, a command that runs in it, what it uses. The reader grants
 * credit, in what `costOf` counts; the agent sends a chunk while any of it is left, and reads no more from the engine meanwhile. So one slow reader
 * holds up nobody else, and nothing is dropped. Whoever is asked to shut a channel answers with its last word, `over`.
 */
export const MAX_CHANNELS = 64;
/** Each frame costs at least that much credit, so that many small ones are bounded too. */
export const MIN_FRAME_CREDIT = 256;
/** Of one chunk: bytes before base64, or bytes that its lines take as JSON. */
export const MAX_CHUNK = 65_536;
/** Lines of one chunk. */
export const MAX_CHUNK_LINES = 4_096;
/** What is fed to a command and not taken yet, in frames: the daemon sends no more before the agent says `taken`. */
export const MAX_AHEAD = 8;
/** What a reader grants at first, and tops up to. */
export const CHANNEL_WINDOW = 1 << 20;

const Size = Type.Object(
  {
    columns: Type.Integer({ minimum: 1, maximum: 10_000 }),
    rows: Type.Integer({ minimum: 1, maximum: 10_000 }),
  },
  open,
);

/** What is to come over a channel. */
export const Wanted = Type.Union([
  Type.Object(
    {
      logs: Type.Object(
        {
          since: Type.Optional(Type.String({ maxLength: 40 })),
          until: Type.Optional(Type.String({ maxLength: 40 })),
          tail: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
          follow: Type.Boolean(),
        },
        open,
      ),
    },
    open,
  ),
  Type.Object(
    {
      exec: Type.Object(
        {
          command: Type.Array(Type.String({ maxLength: 4_096 }), { minItems: 1, maxItems: 128 }),
          env: Type.Record(Type.String(), Type.String({ maxLength: 32_768 })),
          user: Type.Optional(Type.String({ maxLength: 128 })),
          workingDir: Type.Optional(Type.String({ maxLength: 1_024 })),
          tty: Type.Boolean(),
          stdin: Type.Boolean(),
          size: Type.Optional(Size),
        },
        open,
      ),
    },
    open,
  ),
  Type.Object({ stats: Type.Object({ once: Type.Boolean() }, open) }, open),
]);
export type Wanted = Static<typeof Wanted>;

/** Opens a channel. `chunk`: no chunk may be larger than that, because of the way that it takes from here on. */
export const OpenFrame = Type.Object(
  {
    open: Type.Object(
      {
        id: Uuid,
        lease: Uuid,
        wanted: Wanted,
        credit: Type.Integer({ minimum: 0, maximum: 1 << 24 }),
        chunk: Type.Integer({ minimum: 512, maximum: MAX_CHUNK }),
      },
      open,
    ),
  },
  open,
);
export type Opened = Static<typeof OpenFrame>['open'];

export const CreditFrame = Type.Object(
  {
    credit: Type.Object({ id: Uuid, bytes: Type.Integer({ minimum: 1, maximum: 1 << 24 }) }, open),
  },
  open,
);

/** For a command that runs: what is written to it, in order. */
export const FeedFrame = Type.Object(
  {
    feed: Type.Object(
      {
        id: Uuid,
        base64: Type.Optional(Type.String({ maxLength: 90_000 })),
        end: Type.Optional(Type.Boolean()),
        size: Type.Optional(Size),
      },
      open,
    ),
  },
  open,
);

export type Feed = Static<typeof FeedFrame>['feed'];

/** Nobody reads it any more. */
export const ShutFrame = Type.Object({ shut: Type.Object({ id: Uuid }, open) }, open);

/**
 * A line of a log: when, of which stream (1 stdout, 2 stderr), and the text. Three in an array, for there are many. 3 and 4 are the same streams, where
 * the line was too long for the chunk: it goes on in the next.
 */
const Line = Type.Tuple([
  Type.String({ maxLength: 40 }),
  Type.Union([Type.Literal(1), Type.Literal(2), Type.Literal(3), Type.Literal(4)]),
  Type.String({ maxLength: MAX_CHUNK }),
]);
export type Line = Static<typeof Line>;

/** What a replica uses now. */
export const ReplicaStats = Type.Object(
  {
    cpuPercent: Type.Optional(Type.Number({ minimum: 0, maximum: 1e9 })),
    memoryBytes: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    memoryLimitBytes: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    rxBytes: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    txBytes: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
  },
  exact,
);
export type ReplicaStats = Static<typeof ReplicaStats>;

/** Something of a channel. */
export const ChunkFrame = Type.Object(
  {
    chunk: Type.Union([
      Type.Object({ id: Uuid, lines: Type.Array(Line, { maxItems: MAX_CHUNK_LINES }) }, exact),
      /** Of a log: everything that was there when it was asked for has been sent, and from now on it is as it happens. Of a command: it runs. */
      Type.Object({ id: Uuid, live: Type.Literal(true) }, exact),
      /** So many more feeds have reached the command. Costs nothing: each was asked for. */
      Type.Object({ id: Uuid, taken: Type.Integer({ minimum: 1, maximum: MAX_AHEAD }) }, exact),
      Type.Object(
        {
          id: Uuid,
          stream: Type.Union([Type.Literal('stdout'), Type.Literal('stderr')]),
          base64: Type.String({ maxLength: Math.ceil(MAX_CHUNK / 3) * 4 }),
        },
        exact,
      ),
      Type.Object(
        {
          id: Uuid,
          stats: ReplicaStats,
        },
        exact,
      ),
    ]),
  },
  exact,
);
export type Chunk = Static<typeof ChunkFrame>['chunk'];

/** Of a line, beside its text. */
const LINE_COST = 48;

/** What a chunk takes from the credit: about as many characters as it stands for in memory, counted alike on both sides. */
export function costOf(chunk: Chunk): number {
  if ('taken' in chunk) return 0;
  let cost = 0;
  if ('lines' in chunk) for (const [, , text] of chunk.lines) cost += text.length + LINE_COST;
  else if ('base64' in chunk) cost = chunk.base64.length;
  return Math.max(MIN_FRAME_CREDIT, cost);
}

/** The last word of a channel. */
export const OverFrame = Type.Object(
  {
    over: Type.Object(
      {
        id: Uuid,
        /** Of a command that has ended. */
        exitCode: Type.Optional(Type.Integer({ minimum: 0, maximum: 255 })),
        /** Why there is no more. */
        code: Type.Optional(Type.String({ pattern: '^[A-Z][A-Z_]{1,62}$' })),
        message: Type.Optional(Type.String({ maxLength: 512 })),
      },
      exact,
    ),
  },
  exact,
);
export type Over = Static<typeof OverFrame>['over'];
