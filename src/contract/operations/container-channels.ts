import { Type } from 'typebox';

import { operation } from '../operation.js';
import { Input, Ref, Uuid } from '../schemas/common.js';
import { Env } from '../schemas/container.js';
import { ReplicaNumber } from './container.js';

const object = { kind: 'container', field: 'container' } as const;
const which = { container: Ref };

/** Of one replica, several lines together. */
const LogBatch = Type.Object({
  replica: Type.Integer(),
  node: Type.String(),
  lines: Type.Array(
    Type.Object({
      at: Type.String({ description: 'RFC 3339, with what digits the engine keeps.' }),
      stream: Type.Union([Type.Literal('stdout'), Type.Literal('stderr')]),
      text: Type.String(),
    }),
  ),
});

export const followContainerLogs = operation({
  id: 'containers.logs',
  kind: 'stream',
  summary:
    'What a container has written, in the order of time over its replicas, and goes on to write.',
  permission: 'containers:read',
  http: ['GET', '/v1/containers/:container/logs'],
  object,
  paced: true,
  input: Input({
    ...which,
    replica: Type.Optional(ReplicaNumber),
    follow: Type.Optional(Type.Boolean()),
    since: Type.Optional(Type.String({ format: 'date-time', maxLength: 40 })),
    until: Type.Optional(Type.String({ format: 'date-time', maxLength: 40 })),
    tail: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_000_000,
        description: 'The last so many lines of each replica; absent, all.',
      }),
    ),
  }),
  output: Type.Union([
    LogBatch,
    Type.Object({
      replica: Type.Integer(),
      node: Type.String(),
      missing: Type.String({ description: 'Why nothing more comes of this replica.' }),
    }),
  ]),
  errors: [
    'CONTAINER_NOT_FOUND',
    'REPLICA_NOT_FOUND',
    'CONTAINER_NOT_RUNNING',
    'RUNTIME_NOT_FOUND',
    'NODE_OFFLINE',
    'LIMIT_REACHED',
    'TIMED_OUT',
  ],
});

const Base64 = Type.String({ maxLength: 90_000, pattern: '^[A-Za-z0-9+/]*={0,2}$' });
const TerminalSize = Type.Object(
  {
    columns: Type.Integer({ minimum: 1, maximum: 10_000 }),
    rows: Type.Integer({ minimum: 1, maximum: 10_000 }),
  },
  { additionalProperties: false },
);

export const execContainer = operation({
  id: 'containers.exec',
  kind: 'stream',
  summary:
    'Run a command in a container. The first item names the session, to which `containers.execInput` writes.',
  permission: 'containers:deploy',
  http: ['POST', '/v1/containers/:container/exec'],
  object,
  audited: true,
  paced: true,
  input: Input({
    ...which,
    replica: Type.Optional(ReplicaNumber),
    command: Type.Array(Type.String({ maxLength: 4_096 }), { minItems: 1, maxItems: 128 }),
    env: Type.Optional(Env),
    user: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
    workingDir: Type.Optional(Type.String({ minLength: 1, maxLength: 1_024 })),
    tty: Type.Optional(Type.Boolean()),
    stdin: Type.Optional(Type.Boolean()),
    size: Type.Optional(TerminalSize),
  }),
  output: Type.Union([
    Type.Object({ session: Uuid }),
    Type.Object({
      stream: Type.Union([Type.Literal('stdout'), Type.Literal('stderr')]),
      base64: Type.String(),
    }),
    Type.Object({ exitCode: Type.Integer() }),
  ]),
  errors: [
    'CONTAINER_NOT_FOUND',
    'REPLICA_NOT_FOUND',
    'CONTAINER_NOT_RUNNING',
    'CONTAINER_START_FAILED',
    'NODE_OFFLINE',
    'LIMIT_REACHED',
    'TIMED_OUT',
  ],
});

export const writeExec = operation({
  id: 'containers.execInput',
  kind: 'mutation',
  summary:
    'Write to a command that runs in a container, in order, or say that its terminal has another size.',
  permission: 'containers:deploy',
  http: ['POST', '/v1/container-exec/:session'],
  quiet: true,
  cost: 1,
  input: Input({
    session: Uuid,
    seq: Type.Integer({
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'From 1 on, one more each time: a repeated one is done once.',
    }),
    base64: Type.Optional(Base64),
    end: Type.Optional(Type.Boolean({ description: 'Nothing more will be written.' })),
    size: Type.Optional(TerminalSize),
  }),
  output: Type.Object({
    pending: Type.Optional(
      Type.Boolean({
        description:
          'The command has not taken all of it yet. It will get it; who asks the same again, with the same number, waits on.',
      }),
    ),
  }),
  errors: ['CONTAINER_NOT_RUNNING', 'INPUT_INVALID', 'LIMIT_REACHED', 'TIMED_OUT'],
});

export const followStats = operation({
  id: 'containers.stats',
  kind: 'stream',
  summary: 'What each replica of a container uses, once a second.',
  permission: 'containers:read',
  http: ['GET', '/v1/containers/:container/stats'],
  object,
  input: Input({ ...which, once: Type.Optional(Type.Boolean()) }),
  output: Type.Object({
    replica: Type.Integer(),
    node: Type.String(),
    cpuPercent: Type.Optional(Type.Number({ description: '100 is one core.' })),
    memoryBytes: Type.Integer(),
    memoryLimitBytes: Type.Integer(),
    rxBytes: Type.Optional(Type.Integer({ description: 'Since this replica was placed.' })),
    txBytes: Type.Optional(Type.Integer()),
  }),
  errors: ['CONTAINER_NOT_FOUND', 'CONTAINER_NOT_RUNNING', 'NODE_OFFLINE', 'LIMIT_REACHED'],
});
