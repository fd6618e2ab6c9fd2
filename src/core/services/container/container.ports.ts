import type { EventType } from '../../types/models/event.js';
import type { Offer } from '../../types/models/agent.js';
import type {
  Container,
  ContainerDetails,
  ContainerStatus,
  NodeEngine,
  PublishedPort,
  ReplicaPhase,
  Revision,
} from '../../types/models/container.js';
import type { Named } from '../../types/models/member.js';

/** A container as it is stored, without its replicas. */
export interface StoredContainer {
  readonly id: string;
  readonly name: string;
  readonly owner: Named;
  readonly desired: Container['desired'];
  readonly status: ContainerStatus;
  readonly statusReason?: string;
  readonly statusSince: Date;
  readonly replicas: number;
  /** What it is to be. */
  readonly revision: number;
  /** The newest that came up everywhere. */
  readonly stableRevision?: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly selector: Readonly<Record<string, string>>;
  readonly wantedNode?: Named;
  readonly payer: Named;
  readonly lostAfterSeconds: number;
  /** The container after which its volumes are called; absent, itself: it took up none that were there before. */
  readonly volumesOf?: string;
  /** They go with it. */
  readonly removeVolumes: boolean;
  readonly formerName?: string;
  /** From then on it holds no name. */
  readonly removedAt?: Date;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly version: number;
}

export interface StoredRevision extends Revision {
  readonly specHash: string;
}

/** What counts against the offer of a node. */
export interface Demand {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** As `8080/tcp`. */
  readonly hostPorts: readonly string[];
}

/** What a node has said of a lease beside its phase. */
export interface Reported {
  readonly code?: string;
  readonly reason?: string;
  readonly lastWords?: string;
  readonly exitCode?: number;
  readonly restarts?: number;
  readonly startedAt?: string;
  readonly ports?: readonly PublishedPort[];
  readonly digest?: string;
  /** Of what runs, where that is not what was assigned. */
  readonly specHash?: string;
  /** How often it has failed in a row in this generation. */
  readonly failures?: number;
}

/** A report of a node, as it came. */
export interface LeaseWord extends Reported {
  readonly lease: string;
  readonly generation: number;
  readonly phase: ReplicaPhase;
}

/** One replica's place, that has not ended. */
export interface Lease {
  readonly id: string;
  readonly replica: number;
  readonly node: Named;
  /** Whether its node can be heard of at this moment. */
  readonly isReachable: boolean;
  /** Nobody waits for its node: it is lost or retired. */
  readonly isGone: boolean;
  readonly lastSeenAt?: Date;
  readonly revision: number;
  readonly desired: 'running' | 'stopped';
  readonly restart: number;
  readonly generation: number;
  readonly reserved: Demand;
  readonly createdAt: Date;
  /** From then on it is not in the work of its node, which has yet to say that it has ended. */
  readonly leavingAt?: Date;
  readonly endedAt?: Date;
  readonly endReason?: string;
  /** It had found another image than its revision has, and is made again with that one: as another container to its node. */
  readonly isPinnedAnew: boolean;
  readonly observedGeneration: number;
  readonly phase: ReplicaPhase;
  readonly report: Reported;
  readonly observedAt?: Date;
}

/** What has happened to a container. */
export interface ContainerEvent {
  readonly type: Extract<EventType, `container.${string}`>;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** All that rules decide by, and what they leave behind: what is another object than before is written. */
export interface ContainerState {
  readonly container: StoredContainer;
  /** The one it is to be, the stable one, and those that a lease has. */
  readonly revisions: readonly StoredRevision[];
  /** Those that have not ended, in the order of their replicas. */
  readonly leases: readonly Lease[];
  /** To be told. */
  readonly events: readonly ContainerEvent[];
}

/** A node, as far as placement asks for it. */
export interface NodeRoom {
  readonly id: string;
  readonly name: string;
  readonly isReachable: boolean;
  readonly lastSeenAt?: Date;
  readonly isDrained: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly offer: Offer | undefined;
  readonly engine: NodeEngine | undefined;
  readonly engineProblem?: string;
  /** What is reserved of it already. */
  readonly taken: Demand;
  readonly leases: number;
}

export interface ContainerFilter {
  readonly status?: ContainerStatus;
  readonly nodeId?: string;
  readonly label?: { readonly key: string; readonly value?: string };
  readonly removed: boolean;
  /** `<name>` of the last one of the page before. */
  readonly after?: string;
  readonly limit: number;
}

export interface LeaseUsage {
  readonly lease: string;
  readonly replica: number;
  readonly node: Named;
  readonly from: Date;
  readonly to: Date;
  readonly cpuSeconds: number;
  readonly memoryMibSeconds: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly wallSeconds: number;
}

/** A rule: what a container is after it. Pure, because it may be asked more than once. */
export type Rule = (state: ContainerState) => ContainerState;
/** The same, by what room nodes have at that moment, which nobody else takes meanwhile. */
export type PlacingRule = (state: ContainerState, rooms: readonly NodeRoom[]) => ContainerState;

/** Containers as they are stored. Each change tells its events in the same transaction. */
export interface ContainerStore {
  list(filter: ContainerFilter): Promise<readonly Container[]>;
  /** By id, or by name among those that live. */
  find(ref: string): Promise<ContainerDetails | undefined>;
  state(id: string): Promise<ContainerState | undefined>;
  rooms(): Promise<readonly NodeRoom[]>;
  /**
   * Makes one, when its places are chosen. It takes up the volumes that one of its name and owner has left.
   * @throws {AppError} CONTAINER_NAME_TAKEN, LIMIT_REACHED, SECRET_NOT_FOUND, what the rule throws.
   */
  create(draft: ContainerState, place: PlacingRule): Promise<ContainerDetails>;
  /** @throws {AppError} CONTAINER_NOT_FOUND, VERSION_CONFLICT, SECRET_NOT_FOUND, what the rule throws. */
  alter(id: string, rule: Rule, ifVersion?: number): Promise<ContainerDetails>;
  /** @throws {AppError} as `alter`. */
  place(id: string, rule: PlacingRule, ifVersion?: number): Promise<ContainerDetails>;
  history(id: string): Promise<readonly Revision[]>;
  revision(id: string, revision: number): Promise<StoredRevision | undefined>;
  usage(id: string, since: Date | undefined): Promise<readonly LeaseUsage[]>;
  /** Those that time, or what befell a node, has to be worked on: a page, after an id. */
  toTend(after: string | undefined): Promise<readonly string[]>;
  /** Those of which a replica has no place: some hundreds, the longest first. */
  waiting(): Promise<readonly ContainerState[]>;
}

/** Nodes, as far as containers ask for them. */
export interface Nodes {
  find(
    ref: string,
  ): Promise<{ readonly id: string; readonly name: string; readonly owner: Named } | undefined>;
  /** Two at most: whether it is one is all that counts. */
  ownedBy(memberId: string): Promise<readonly Named[]>;
}

/** How many bytes those of these secrets are that a member has, by their names. */
export type SecretSizes = (
  ownerId: string,
  names: readonly string[],
) => Promise<ReadonlyMap<string, number>>;

export interface ContainerDeps {
  readonly store: ContainerStore;
  readonly nodes: Nodes;
  readonly secretSizes: SecretSizes;
  /** SHA-256, in hexadecimal. */
  readonly hash: (text: string) => string;
  readonly newId: () => string;
  readonly now: () => Date;
}
