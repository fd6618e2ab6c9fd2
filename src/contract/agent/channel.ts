import { type Static, Type } from 'typebox';

import { Uuid } from '../schemas/common.js';

const exact = { additionalProperties: false };
const open = {};

/**
 * A channel is one stream of bytes or lines between a daemon and a replica: a log, a command that runs in it, what it uses. The reader grants
 * credit, in bytes as they stand in a frame; the agent sends no more than that, and reads no more from the engine meanwhile. So one slow reader
 * holds up nobody else, and nothing is dropped.
 */
export const MAX_CHANNELS = 64;
/** Each frame costs at least that much credit, so that many small ones are bounded too. */
export const MIN_FRAME_CREDIT = 256;
/** Of one chunk, in bytes before base64, or characters of lines. */
export const MAX_CHUNK = 65_536;
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

/** Nobody reads it any more. */
export const ShutFrame = Type.Object({ shut: Type.Object({ id: Uuid }, open) }, open);

/** A line of a log: when, of which stream, and the text. Three in an array, for there are many. */
const Line = Type.Tuple([
  Type.String({ maxLength: 40 }),
  Type.Union([Type.Literal(1), Type.Literal(2)]),
  Type.String({ maxLength: MAX_CHUNK }),
]);

/** Something of a channel. */
export const ChunkFrame = Type.Object(
  {
    chunk: Type.Union([
      Type.Object({ id: Uuid, lines: Type.Array(Line, { maxItems: 4_096 }) }, exact),
      /** Everything that was there when it was asked for has been sent; from now on it is as it happens. */
      Type.Object({ id: Uuid, live: Type.Literal(true) }, exact),
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
          stats: Type.Object(
            {
              cpuPercent: Type.Optional(Type.Number({ minimum: 0, maximum: 1e9 })),
              memoryBytes: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
              memoryLimitBytes: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
              rxBytes: Type.Optional(
                Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
              ),
              txBytes: Type.Optional(
                Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
              ),
            },
            exact,
          ),
        },
        exact,
      ),
    ]),
  },
  exact,
);
export type Chunk = Static<typeof ChunkFrame>['chunk'];

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
