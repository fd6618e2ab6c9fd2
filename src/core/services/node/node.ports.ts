import type { Offer } from '../../types/models/agent.js';
import type { Drive } from '../../types/models/drive.js';
import type { ImageFacts } from '../../types/models/image.js';
import type { Named } from '../../types/models/member.js';
import type { Node, NodeStatus, Provisioning } from '../../types/models/node.js';
import type {
  OperationOutcome,
  OperationProgress,
  OperationRecord,
} from '../../types/models/operation.js';
import type { WriteJob, WriteProgress, WriteReport } from '../../types/models/stick.js';
import type { Enrolment } from './identity.js';
import type { AgentVersions } from './release.ports.js';

/** Which stick or file, and what may be done to it. */
export interface StickRequest {
  readonly target:
    | {
        readonly device: string;
        readonly expect?: {
          readonly serial?: string;
          readonly byId?: string;
          readonly sizeBytes: number;
        };
      }
    | { readonly output: string; readonly replace: boolean };
  readonly image: string;
  readonly sha256?: string;
  readonly needsCidata: boolean;
  readonly unmount: boolean;
  readonly acceptRisks: readonly string[];
}

/** What the checks of a stick found. */
export interface StickPlan {
  readonly target: WriteJob['target'];
  /** Present when the target is a device. */
  readonly drive?: Drive;
  readonly image: ImageFacts;
}

/** Sticks, as the node rules need them. Implemented by the usb slice. */
export interface Sticks {
  /** Runs every check and touches nothing. Throws AppError with the refusal. */
  plan(request: StickRequest): Promise<StickPlan>;
  /**
   * Claims the target for one write until `release`.
   * @throws {AppError} DEVICE_BUSY when another write has it, LIMIT_REACHED when too many run.
   */
  claim(plan: StickPlan): { release(): void };
  write(
    job: WriteJob,
    options: {
      readonly signal: AbortSignal;
      readonly onProgress: (progress: WriteProgress) => void;
    },
  ): Promise<WriteReport>;
}

export interface JoinTokenRow {
  readonly hash: Uint8Array;
  readonly expiresAt: Date;
}

/** What starts the writing of a stick: one transaction makes all of it. */
export interface BeginProvisioning {
  readonly nodeId: string;
  readonly operationId: string;
  readonly name: string;
  readonly description?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly subject: Named;
  readonly ownerId: string;
  readonly provisioning: Provisioning;
  readonly joinToken?: JoinTokenRow;
  readonly now: Date;
}

export interface EndProvisioning {
  readonly nodeId: string;
  readonly operationId: string;
  readonly status: Extract<NodeStatus, 'provisioned' | 'failed'>;
  readonly reason?: string;
  readonly provisioning: Provisioning;
  readonly outcome: OperationOutcome;
  readonly now: Date;
}

export interface NodeChange {
  readonly name?: string;
  readonly ownerId?: string;
  /** Empty text removes it. */
  readonly location?: string;
  /** Parts replace those of before; null takes all of it back. */
  readonly offer?: Offer | null;
  /** What its agent is to be replaced with. */
  readonly agentVersion?: string;
  /** Empty text removes it. */
  readonly description?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly removeLabels?: readonly string[];
  /** Only while it still has this version. */
  readonly ifVersion?: number;
}

export interface NodeFilter {
  readonly status?: NodeStatus;
  readonly label?: { readonly key: string; readonly value?: string };
  readonly retired: boolean;
  /** Names after this one. */
  readonly after?: string;
  readonly limit: number;
}

/** Nodes as they are stored. Each change appends its event in the same transaction. */
export interface NodeStore {
  list(filter: NodeFilter): Promise<readonly Node[]>;
  /** By id, or by name among those that live. */
  find(ref: string): Promise<Node | undefined>;
  /**
   * Makes the node or takes up the failed one of that name, revokes its earlier join tokens, and opens the operation.
   * @throws {AppError} NODE_NAME_TAKEN, NODE_BUSY (its stick is being written).
   */
  beginProvisioning(begin: BeginProvisioning): Promise<{ node: Node; operation: OperationRecord }>;
  reportProgress(operationId: string, progress: OperationProgress): Promise<void>;
  endProvisioning(end: EndProvisioning): Promise<void>;
  /** @throws {AppError} NODE_NOT_FOUND, NODE_NAME_TAKEN, OFFER_EXCEEDS_HARDWARE, VERSION_CONFLICT. */
  update(ref: string, change: NodeChange, now: Date): Promise<Node>;
  /** Names of the containers that live and are paid from the node: the first so many, and how many there are. */
  paidFrom(
    nodeId: string,
    limit: number,
  ): Promise<{ readonly names: readonly string[]; readonly count: number }>;
  /** @throws {AppError} NODE_NOT_FOUND, NODE_BUSY, VERSION_CONFLICT. */
  delete(
    ref: string,
    ifVersion: number | undefined,
    now: Date,
  ): Promise<{ node: Node; outcome: 'removed' | 'retired' }>;
}

/** Work that outlives the request. `run` must settle what it does itself and never throw. */
export interface Jobs {
  start(operationId: string, run: (signal: AbortSignal) => Promise<void>): void;
}

export interface JoinTokens {
  /** A new secret (shown nowhere but on the stick) and its SHA-256, which is what is stored. */
  mint(): { readonly secret: string; readonly hash: Uint8Array };
  hash(secret: string): Uint8Array;
  /** As `agent join` takes it: with where the daemon is, and by what it is recognised. */
  encode(token: {
    readonly secret: string;
    readonly caSha256: string;
    readonly url?: string;
  }): string;
}

/** What a node must be told about its daemon. */
export interface DaemonAddress {
  /** From the configuration, or from the API listener; absent when nothing outside can reach this daemon. */
  readonly publicUrl: string | undefined;
  /** SHA-256 of the CA certificate in DER, in hex: what the node pins. */
  readonly caSha256: string;
  /** That certificate, in PEM. */
  readonly caCertificate: string;
}

/** Members, as the node rules need them. */
export interface Owners {
  /** @throws {AppError} MEMBER_NOT_FOUND. */
  get(ref: string): Promise<Named>;
}

export interface NodeDeps {
  readonly store: NodeStore;
  readonly owners: Owners;
  readonly sticks: Sticks;
  readonly jobs: Jobs;
  readonly tokens: JoinTokens;
  readonly address: () => DaemonAddress;
  readonly versions: AgentVersions;
  /** What is put on sticks for the machine to join by itself. */
  readonly enrolment: Pick<Enrolment, 'script' | 'unit'>;
  readonly newId: () => string;
  readonly now: () => Date;
}
