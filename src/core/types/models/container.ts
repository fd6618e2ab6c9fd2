import type { Named } from './member.js';

/** Where a container is, over all of its replicas. */
export type ContainerStatus =
  /** It waits for a place: nothing that would take it is there. */
  | 'pending'
  /** Its nodes bring it up for the first time. */
  | 'deploying'
  | 'running'
  /** Some of it does not run, or is not healthy. */
  | 'degraded'
  /** Another revision, or another number of replicas, takes over. */
  | 'updating'
  | 'stopping'
  | 'stopped'
  /** It ended by itself, and is not to be started again. */
  | 'exited'
  /** It never came up. It holds no place and no name any more. */
  | 'failed'
  /** Nothing is heard of the nodes that it runs on. */
  | 'unknown'
  /** It waits for a node that is gone, because its volume is there. */
  | 'lost'
  | 'removing'
  | 'removed';

/** What one replica does on its node, as the node says; `unknown` and `lost` are the daemon's word for a node that says nothing. */
export type ReplicaPhase =
  | 'assigned'
  | 'pulling'
  | 'starting'
  | 'running'
  | 'unhealthy'
  | 'restarting'
  | 'stopping'
  | 'stopped'
  | 'exited'
  | 'failed'
  | 'unknown'
  | 'lost'
  | 'ended';

export type PortProtocol = 'tcp' | 'udp';

/** A port of a container that can be reached at its node. */
export interface PublishedPort {
  /** At the node; absent, any that is free. */
  readonly host?: number;
  readonly container: number;
  readonly protocol: PortProtocol;
}

/** A volume of the container's own, kept on its node, or a folder of the node that its owner allows. */
export interface VolumeMount {
  /** A name, or an absolute path at the node. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** A secret of the grid, which the container finds as a file. */
export interface SecretMount {
  readonly name: string;
  /** Absolute path of the file; `/run/secrets/<name>` by default. */
  readonly target?: string;
}

export interface HealthCheck {
  /** Run in the container; 0 is healthy. */
  readonly command: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** So many failures in a row. */
  readonly retries: number;
  /** For so long after its start failures do not count. */
  readonly startPeriodMs: number;
}

export type RestartPolicy = 'no' | 'on-failure' | 'always' | 'unless-stopped';
export type PullPolicy = 'missing' | 'always' | 'never';
export type UpdateOrder = 'auto' | 'start-first' | 'stop-first';

/** What of the safe defaults is given up. Each part needs `containers:unconfined`, but for the user. */
export interface Confinement {
  readonly user?: string;
  readonly capAdd: readonly string[];
  readonly writableRoot: boolean;
  readonly allowPrivilegeEscalation: boolean;
  readonly pidsLimit: number;
}

/** What a container is made of: one revision of it. Times in ms, memory in bytes. */
export interface ContainerSpec {
  readonly image: string;
  /** In the place of the image's own entrypoint. */
  readonly command?: readonly string[];
  /** In the place of the image's own arguments. */
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: readonly SecretMount[];
  readonly ports: readonly PublishedPort[];
  readonly volumes: readonly VolumeMount[];
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly restart: RestartPolicy;
  /** Of `on-failure`; absent, for ever. */
  readonly maxRestarts?: number;
  readonly health?: HealthCheck;
  readonly pull: PullPolicy;
  /** Name of the secret that holds `<user>:<password>` for the registry. */
  readonly registryAuth?: string;
  readonly workingDir?: string;
  readonly stopSeconds: number;
  readonly updateOrder: UpdateOrder;
  readonly confinement: Confinement;
}

/** Where replicas may be. Both absent: wherever there is room. */
export interface PlacementWish {
  readonly node?: Named;
  readonly selector: Readonly<Record<string, string>>;
  /** After how long without a word of its node a replica is placed elsewhere. */
  readonly lostAfterSeconds: number;
}

export interface Revision {
  readonly revision: number;
  readonly spec: ContainerSpec;
  /** The image as it was found first, `sha256:…`; every replica gets that one. */
  readonly digest?: string;
  readonly createdAt: Date;
  readonly createdBy: string;
  /** What became of it. */
  readonly state: 'current' | 'superseded' | 'failed';
  readonly reason?: string;
}

/** One replica's place on a node, for which room is reserved and usage is metered. */
export interface Replica {
  /** Id of the lease. */
  readonly lease: string;
  readonly replica: number;
  readonly node: Named;
  readonly revision: number;
  readonly phase: ReplicaPhase;
  readonly reason?: string;
  readonly code?: string;
  readonly lastWords?: string;
  readonly exitCode?: number;
  readonly restarts: number;
  readonly startedAt?: Date;
  readonly ports: readonly PublishedPort[];
  readonly digest?: string;
  readonly generation: number;
  readonly observedGeneration: number;
  /** When the node last said so. */
  readonly observedAt?: Date;
}

export interface Container {
  readonly id: string;
  readonly name: string;
  readonly owner: Named;
  readonly image: string;
  readonly status: ContainerStatus;
  readonly statusReason?: string;
  readonly statusSince: Date;
  readonly desired: 'running' | 'stopped' | 'removed';
  readonly replicas: number;
  readonly replicasRunning: number;
  readonly revision: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly nodes: readonly Named[];
  readonly payFrom: Named;
  readonly placement: PlacementWish;
  readonly formerName?: string;
  /** The container after which its volumes are called on their nodes; absent, itself. */
  readonly volumesOf?: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** When the oldest word of its nodes was said; absent while there was none. */
  readonly observedAt?: Date;
  readonly version: number;
}

export interface ContainerDetails extends Container {
  readonly spec: ContainerSpec;
  readonly digest?: string;
  readonly instances: readonly Replica[];
}

/** Why a node does not take a replica. */
export interface Rejection {
  readonly node: Named;
  readonly code:
    | 'NODE_OFFLINE'
    | 'NODE_DRAINED'
    | 'ENGINE_MISSING'
    | 'OFFER_TOO_SMALL'
    | 'PORT_TAKEN'
    | 'NODE_NOT_SELECTED';
  readonly message: string;
}

/** What was used under one lease, over one stretch of time. Counters are what was added, not totals. */
export interface UsageRecord {
  readonly lease: string;
  readonly bootId: string;
  /** Rises by one with each record of this lease under this boot id. */
  readonly seq: number;
  readonly from: Date;
  readonly to: Date;
  readonly cpuMicros: number;
  /** Memory times time, in MiB·s. */
  readonly memoryMibSeconds: number;
  readonly rxBytes: number;
  readonly txBytes: number;
}

/** The container engine of a node. */
export interface NodeEngine {
  readonly kind: 'docker' | 'podman';
  readonly version: string;
  readonly cgroup: 'v1' | 'v2' | 'none';
  readonly architecture: string;
}
