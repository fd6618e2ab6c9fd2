import { type Static, Type } from 'typebox';

import {
  CAPABILITIES,
  MIN_CPU_MILLIS,
  MIN_MEMORY_BYTES,
} from '../../core/types/constants/container-limits.js';
import { Bytes, Named, Timestamp, Uuid } from './common.js';

const exact = { additionalProperties: false };
const CONTROL_FREE = String.raw`^[^\p{C}]*$`;

/** A DNS label (RFC 1123), as nodes have it; that it is not shaped like a UUID is checked by the rules. */
export const ContainerName = Type.String({
  minLength: 1,
  maxLength: 63,
  description: 'A DNS label: 1 to 63 lower-case letters, digits and inner hyphens; not a UUID.',
});

/** As `docker pull` takes it. Closer looked at by the rules, and by the engine. */
export const ImageRef = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^[A-Za-z0-9][A-Za-z0-9._/:@+-]*$',
  description: 'Name of an image, such as `nginx:1.27` or `registry.example.org/app@sha256:…`.',
});

export const Digest = Type.String({ pattern: '^sha256:[0-9a-f]{64}$' });

function Literals<const T extends readonly string[]>(...values: T) {
  return Type.Unsafe<T[number]>(Type.Union(values.map((value) => Type.Literal(value))));
}

export const ContainerStatus = Literals(
  'pending',
  'deploying',
  'running',
  'degraded',
  'updating',
  'stopping',
  'stopped',
  'exited',
  'failed',
  'unknown',
  'lost',
  'removing',
  'removed',
);

export const ReplicaPhase = Literals(
  'assigned',
  'pulling',
  'starting',
  'running',
  'unhealthy',
  'restarting',
  'stopping',
  'stopped',
  'exited',
  'failed',
  'unknown',
  'lost',
  'ended',
);

const Port = Type.Integer({ minimum: 1, maximum: 65_535 });

export const PublishedPort = Type.Object(
  {
    host: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65_535,
        description: 'At the node; absent, any that is free.',
      }),
    ),
    container: Port,
    protocol: Literals('tcp', 'udp'),
  },
  exact,
);
export type PublishedPort = Static<typeof PublishedPort>;

const ContainerPath = Type.String({
  minLength: 2,
  maxLength: 1_024,
  pattern: String.raw`^/[^\p{C}:]*$`,
  description: 'Absolute path in the container.',
});

export const VolumeMount = Type.Object(
  {
    source: Type.String({
      minLength: 1,
      maxLength: 1_024,
      pattern: String.raw`^([A-Za-z0-9][A-Za-z0-9_.-]{0,62}|/[^\p{C}:]*)$`,
      description:
        'Name of a volume of this container, or an absolute path that the owner of the node allows.',
    }),
    target: ContainerPath,
    readOnly: Type.Boolean(),
  },
  exact,
);

export const SecretName = Type.String({
  pattern: '^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$',
  description: '1 to 63 lower-case letters, digits, and inner . _ -',
});

export const SecretMount = Type.Object(
  { name: SecretName, target: Type.Optional(ContainerPath) },
  exact,
);

/** Words of a command line. */
const Words = (description: string) =>
  Type.Array(Type.String({ maxLength: 4_096 }), { minItems: 1, maxItems: 128, description });

export const HealthCheck = Type.Object(
  {
    command: Words('Run in the container; 0 is healthy.'),
    intervalMs: Type.Integer({ minimum: 1_000, maximum: 3_600_000 }),
    timeoutMs: Type.Integer({ minimum: 100, maximum: 600_000 }),
    retries: Type.Integer({ minimum: 1, maximum: 100 }),
    startPeriodMs: Type.Integer({ minimum: 0, maximum: 3_600_000 }),
  },
  exact,
);

export const RestartPolicy = Literals('no', 'on-failure', 'always', 'unless-stopped');
export const PullPolicy = Literals('missing', 'always', 'never');
export const UpdateOrder = Literals('auto', 'start-first', 'stop-first');

/**
 * What can be had of capabilities (capabilities(7)): those that engines give by default. Any other reaches past the container to the machine of
 * whoever lends it.
 */
const Capability = Type.String({
  pattern: `^(${CAPABILITIES.join('|')})$`,
  description: 'One that engines give by default; none that reaches the machine itself.',
});

export const Confinement = Type.Object(
  {
    user: Type.Optional(Type.String({ minLength: 1, maxLength: 128, pattern: CONTROL_FREE })),
    capAdd: Type.Array(Capability, { maxItems: 14 }),
    writableRoot: Type.Boolean(),
    allowPrivilegeEscalation: Type.Boolean(),
    pidsLimit: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  },
  exact,
);

export const Env = Type.Record(
  Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_.-]{0,127}$' }),
  Type.String({ maxLength: 32_768, pattern: String.raw`^[^\u0000]*$` }),
  { maxProperties: 256, additionalProperties: false },
);

const specFields = {
  image: ImageRef,
  command: Type.Optional(Words('In the place of the entrypoint of the image.')),
  args: Type.Optional(Words('In the place of the arguments of the image.')),
  env: Env,
  secrets: Type.Array(SecretMount, { maxItems: 64 }),
  ports: Type.Array(PublishedPort, { maxItems: 64 }),
  volumes: Type.Array(VolumeMount, { maxItems: 32 }),
  cpuMillis: Type.Integer({
    minimum: MIN_CPU_MILLIS,
    maximum: 1_000_000,
    description: 'Thousandths of a core.',
  }),
  memoryBytes: Type.Integer({
    minimum: MIN_MEMORY_BYTES,
    maximum: 2 ** 46,
    description: 'Bytes; more ends the container. No less than 6 MiB.',
  }),
  restart: RestartPolicy,
  maxRestarts: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1_000, description: 'Of `on-failure`.' }),
  ),
  health: Type.Optional(HealthCheck),
  pull: PullPolicy,
  registryAuth: Type.Optional(
    Type.String({
      ...SecretName,
      description: 'Name of the secret that holds `<user>:<password>` for the registry.',
    }),
  ),
  workingDir: Type.Optional(ContainerPath),
  stopSeconds: Type.Integer({ minimum: 0, maximum: 3_600 }),
  updateOrder: UpdateOrder,
  confinement: Confinement,
};

/** One revision of a container. */
export const ContainerSpec = Type.Object(specFields, exact);
export type ContainerSpec = Static<typeof ContainerSpec>;

/** The same as it is asked for: what is left out is as the defaults have it. */
export const SpecFields = {
  ...Type.Partial(Type.Object(specFields)).properties,
  image: ImageRef,
  confinement: Type.Optional(Type.Partial(Confinement)),
};

/** What of a spec is to be otherwise. Null takes an optional part away. */
export const SpecChangeFields = {
  ...Type.Partial(Type.Object(specFields)).properties,
  command: Type.Optional(Type.Union([Words('Another entrypoint.'), Type.Null()])),
  args: Type.Optional(Type.Union([Words('Other arguments.'), Type.Null()])),
  health: Type.Optional(Type.Union([HealthCheck, Type.Null()])),
  registryAuth: Type.Optional(Type.Union([SecretName, Type.Null()])),
  confinement: Type.Optional(Type.Partial(Confinement)),
};

export const Selector = Type.Record(
  Type.String({ minLength: 1, maxLength: 63 }),
  Type.String({ maxLength: 255 }),
  { maxProperties: 64, additionalProperties: false },
);

export const PlacementWish = Type.Object({
  node: Type.Optional(Named),
  selector: Type.Record(Type.String(), Type.String()),
  lostAfterSeconds: Type.Integer({
    description:
      'After how long without a word of its node a replica is placed elsewhere; one with a volume never is.',
  }),
});

export const Replica = Type.Object({
  lease: Uuid,
  replica: Type.Integer(),
  node: Named,
  revision: Type.Integer(),
  phase: ReplicaPhase,
  reason: Type.Optional(Type.String()),
  code: Type.Optional(Type.String()),
  lastWords: Type.Optional(Type.String({ description: 'The last lines that it wrote.' })),
  exitCode: Type.Optional(Type.Integer()),
  restarts: Type.Integer({ description: 'How often its engine has started it again.' }),
  startedAt: Type.Optional(Timestamp),
  ports: Type.Array(PublishedPort),
  digest: Type.Optional(Type.String()),
  generation: Type.Integer({ description: 'Rises with each change of what the replica is to be.' }),
  observedGeneration: Type.Integer({ description: 'What its node has reached.' }),
  observedAt: Type.Optional(Timestamp),
});
export type Replica = Static<typeof Replica>;

export const Container = Type.Object({
  id: Uuid,
  name: Type.String(),
  owner: Named,
  image: Type.String(),
  status: ContainerStatus,
  statusReason: Type.Optional(Type.String()),
  statusSince: Timestamp,
  desired: Literals('running', 'stopped', 'removed'),
  replicas: Type.Integer(),
  replicasRunning: Type.Integer(),
  revision: Type.Integer(),
  labels: Type.Record(Type.String(), Type.String()),
  nodes: Type.Array(Named, { description: 'Where its replicas are.' }),
  payFrom: Named,
  placement: PlacementWish,
  formerName: Type.Optional(Type.String()),
  volumesOf: Type.Optional(
    Type.String({
      ...Uuid,
      description:
        'Its volumes are called `syntropy-<this id>-<volume>` on their nodes: it took up those of a container of its name and owner. Absent, `<its own id>`.',
    }),
  ),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  observedAt: Type.Optional(
    Type.String({ ...Timestamp, description: 'When the oldest word of its nodes was said.' }),
  ),
  version: Type.Integer({ description: 'Rises by one with each change.' }),
});
export type Container = Static<typeof Container>;

export const ContainerDetails = Type.Object({
  ...Container.properties,
  spec: ContainerSpec,
  digest: Type.Optional(Type.String()),
  instances: Type.Array(Replica),
});
export type ContainerDetails = Static<typeof ContainerDetails>;

export const Revision = Type.Object({
  revision: Type.Integer(),
  spec: ContainerSpec,
  digest: Type.Optional(Type.String()),
  createdAt: Timestamp,
  createdBy: Type.String(),
  state: Literals('current', 'superseded', 'failed'),
  reason: Type.Optional(Type.String()),
});
export type Revision = Static<typeof Revision>;

export const Rejection = Type.Object({
  node: Named,
  code: Literals(
    'NODE_OFFLINE',
    'NODE_DRAINED',
    'ENGINE_MISSING',
    'OFFER_TOO_SMALL',
    'PORT_TAKEN',
    'NODE_NOT_SELECTED',
  ),
  message: Type.String(),
});
export type Rejection = Static<typeof Rejection>;

/** What a deployment would do, with every check made and nothing changed. */
export const ContainerPlan = Type.Object({
  name: Type.String(),
  action: Literals('create', 'update', 'none'),
  spec: ContainerSpec,
  replicas: Type.Integer(),
  payFrom: Named,
  placements: Type.Array(Type.Object({ replica: Type.Integer(), node: Named })),
  rejections: Type.Array(Rejection),
  unconfined: Type.Array(Type.String(), { description: 'Which safe defaults are given up.' }),
  changed: Type.Array(Type.String(), { description: 'Which parts an update would change.' }),
  warnings: Type.Array(Type.String()),
});
export type ContainerPlan = Static<typeof ContainerPlan>;

export const Usage = Type.Object({
  lease: Uuid,
  replica: Type.Integer(),
  node: Named,
  from: Timestamp,
  to: Timestamp,
  cpuSeconds: Type.Number(),
  memoryMibSeconds: Type.Number(),
  rxBytes: Bytes,
  txBytes: Bytes,
  wallSeconds: Type.Number(),
});

export const NodeEngine = Type.Object(
  {
    kind: Literals('docker', 'podman'),
    version: Type.String({ maxLength: 128, pattern: CONTROL_FREE }),
    cgroup: Literals('v1', 'v2', 'none'),
    architecture: Type.String({ maxLength: 64, pattern: CONTROL_FREE }),
  },
  exact,
);
export type NodeEngine = Static<typeof NodeEngine>;

export const Secret = Type.Object({
  id: Uuid,
  name: Type.String(),
  owner: Named,
  usedBy: Type.Array(Named, { description: 'Containers that live and use it.' }),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  version: Type.Integer(),
});
export type Secret = Static<typeof Secret>;
