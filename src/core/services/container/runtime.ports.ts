import type {
  NodeEngine,
  PortProtocol,
  PublishedPort,
  PullPolicy,
  RestartPolicy,
} from '../../types/models/container.js';

/** How a runtime differs from others where it matters to whoever drives it. */
export interface RuntimeFacts extends NodeEngine {
  /** How the parent of a container's cgroup is named. */
  readonly cgroupDriver: 'cgroupfs' | 'systemd';
  /** Whether containers outlive the engine's own process. */
  readonly survivesEngine: boolean;
}

export interface ImageRequest {
  readonly ref: string;
  /** `sha256:…`: this one and no other, whatever the tag says by now. */
  readonly digest?: string;
  readonly policy: PullPolicy;
  readonly auth?: { readonly username: string; readonly password: string };
  /** Whether one that lies on the machine already may be had without a word of its registry; absent, it may. */
  readonly mayUse?: (image: FoundImage) => boolean;
}

export interface FoundImage {
  /** What the engine knows it by; what a container is made of. */
  readonly id: string;
  /** What the registry knows it by, or the id where it came from none. */
  readonly digest: string;
  /** As the image has it: exposed ports say nothing here. */
  readonly hasHealthcheck: boolean;
  /** Where it has volumes of its own: an engine makes one there, without a name, wherever nothing else is mounted. */
  readonly volumes: readonly string[];
  /** Whether its registry has given it now, to these credentials. */
  readonly isAsked: boolean;
}

export type RunMount =
  | {
      readonly kind: 'volume';
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
    }
  | {
      readonly kind: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
    }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly sizeBytes: number };

/** A container as a runtime is told to make it. Nothing is left to the engine's own defaults that matters for safety. */
export interface RunSpec {
  /** `runName` of its labels. One container has it on its engine. */
  readonly name: string;
  readonly labels: RunLabels;
  readonly imageId: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly RunMount[];
  readonly ports: readonly PublishedPort[];
  readonly hostname: string;
  readonly workingDir?: string;
  readonly user?: string;
  /** Absent where the cgroup that it is put under holds it to that. */
  readonly cpuMillis?: number;
  readonly memoryBytes: number;
  readonly pidsLimit: number;
  readonly restart: RestartPolicy;
  readonly maxRestarts?: number;
  readonly stopSeconds: number;
  readonly capAdd: readonly string[];
  readonly writableRoot: boolean;
  readonly allowPrivilegeEscalation: boolean;
  /** As this runtime's cgroup driver names it; absent where there is none to put it under. */
  readonly cgroupParent?: string;
  readonly log: { readonly maxBytes: number; readonly files: number };
}

/** By these and its name a container is known again, and by nothing else. What does not have them in this form, or another name, is none of the grid's. */
export interface RunLabels {
  /** UUID. Which agent's it is: other agents on the same engine leave it alone. */
  readonly node: string;
  /** UUID. */
  readonly lease: string;
  /** UUID. */
  readonly container: string;
  /** Number. */
  readonly replica: string;
  /** SHA-256, in hexadecimal. What it was made of. Another hash is another container, whatever inspecting it shows. */
  readonly specHash: string;
}

export type RunState = 'created' | 'running' | 'restarting' | 'stopping' | 'exited' | 'dead';

/** What one listing tells of a container. */
export interface RunningContainer {
  readonly id: string;
  readonly name: string;
  readonly labels: RunLabels;
  readonly state: RunState;
}

/** What only looking closely tells. */
export interface ContainerFacts extends RunningContainer {
  readonly pid: number | undefined;
  readonly exitCode: number | undefined;
  readonly oomKilled: boolean;
  /** How often the engine itself has started it again. */
  readonly restarts: number;
  /** As the engine says it: another text is another start. */
  readonly startedAt: string | undefined;
  readonly finishedAt: string | undefined;
  readonly error: string | undefined;
  readonly ports: readonly {
    readonly host: number;
    readonly container: number;
    readonly protocol: PortProtocol;
  }[];
}

export interface RuntimeLogRequest {
  /** RFC 3339 with as many digits as the engine keeps. */
  readonly since?: string;
  readonly until?: string;
  /** The last so many lines; absent, all. */
  readonly tail?: number;
  readonly follow: boolean;
}

export interface RuntimeLogLine {
  /** RFC 3339 with nanoseconds; to the second where the engine knows no more. */
  readonly at: string;
  readonly stream: 'stdout' | 'stderr';
  /** Without its end. */
  readonly text: string;
}

export interface ExecRequest {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly workingDir?: string;
  readonly tty: boolean;
  readonly size?: TerminalSize;
  /** Whether anything will be written to it. */
  readonly stdin: boolean;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** A command that runs in a container. */
export interface ExecSession {
  /** What it says, in the order in which it came; ends with the command. Reading slowly holds the command up. */
  readonly output: AsyncIterable<{
    readonly stream: 'stdout' | 'stderr';
    readonly bytes: Uint8Array;
  }>;
  /** Resolves when there is room for more. */
  write(bytes: Uint8Array): Promise<void>;
  /** Nothing more will be written. */
  end(): void;
  resize(size: TerminalSize): Promise<void>;
  /** After the end of the output. */
  exitCode(): Promise<number>;
  /** Ends the command, as far as the engine can, and whatever waits for it. */
  close(): void;
}

/**
 * A container engine. All that differs between engines is behind it: whoever holds it needs to know none of them. Every call has a time-out
 * of its own and may be repeated; whatever is made carries the labels of `RunLabels` and the name that fits them, and nothing without both is ever listed or touched.
 * @throws {AppError} of every call: ENGINE_UNREACHABLE (it does not answer; nothing is known of what became of the call), TIMED_OUT, ENGINE_FAILED (it
 * answers, and has failed at this call for a reason of its own, which says nothing of any other call).
 */
export interface ContainerRuntime {
  facts(): Promise<RuntimeFacts>;
  /**
   * Has the image there, and says which it is.
   * @throws {AppError} CONTAINER_IMAGE_NOT_FOUND, REGISTRY_DENIED, REGISTRY_UNREACHABLE, DISK_FULL, INPUT_INVALID (no name of an image).
   */
  ensureImage(request: ImageRequest, signal: AbortSignal): Promise<FoundImage>;
  /**
   * Makes a container and does not start it. One of the same lease and spec hash that has the name already is answered as if it had been made now.
   * @throws {AppError} RUNTIME_CONFLICT (another has the name), CONTAINER_IMAGE_NOT_FOUND, INPUT_INVALID, DISK_FULL.
   */
  create(spec: RunSpec): Promise<{ readonly id: string }>;
  /**
   * One that runs already stays as it is.
   * @throws {AppError} RUNTIME_NOT_FOUND, PORT_TAKEN, CONTAINER_START_FAILED (its command cannot be run), DISK_FULL, RUNTIME_CONFLICT (it has to be made anew).
   */
  start(id: string): Promise<void>;
  /**
   * Ends it in order, and by force after the grace. One that does not run stays as it is. A signal that aborts ends the waiting; the container has been told to
   * end, and may or may not be ended by force. Another stop of it has a grace of its own, be it a shorter one.
   * @throws {AppError} RUNTIME_NOT_FOUND.
   */
  stop(id: string, graceSeconds: number, signal?: AbortSignal): Promise<void>;
  /** With what runs in it. One that is gone is gone. Named volumes stay. */
  remove(id: string): Promise<void>;
  /** Of a named volume. One that is gone is gone. @throws {AppError} RUNTIME_CONFLICT (something uses it). */
  removeVolume(name: string): Promise<void>;
  /** Every container of this node, in one call. */
  list(node: string): Promise<readonly RunningContainer[]>;
  /** @throws {AppError} RUNTIME_NOT_FOUND. */
  inspect(id: string): Promise<ContainerFacts>;
  /**
   * Lines in their order, as many together as there are. Without a gap and without a line twice, also where the engine's own way of following loses
   * some; ends when the container has ended and all is read, or the signal aborts.
   * @throws {AppError} RUNTIME_NOT_FOUND.
   */
  logs(
    id: string,
    request: RuntimeLogRequest,
    signal: AbortSignal,
  ): AsyncIterable<readonly RuntimeLogLine[]>;
  /** @throws {AppError} RUNTIME_NOT_FOUND, CONTAINER_NOT_RUNNING, CONTAINER_START_FAILED (its command cannot be run; details.exitCode 126 or 127). */
  exec(id: string, request: ExecRequest): Promise<ExecSession>;
  /** Something has happened to a container with this node's label. Says no more than that: look. Ends when the engine does, or the signal aborts. */
  events(node: string, signal: AbortSignal): AsyncIterable<void>;
  /** Lets go of every connection. */
  close(): void;
}

/** What one lease has used since its cgroup was made; rises until the machine starts anew or the cgroup goes. */
export interface LeaseCounters {
  readonly cpuMicros: number;
  /** Now. */
  readonly memoryBytes: number;
}

/** To all work together. What is zero is not lent. */
export interface LentCap {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

/** Where the containers of a lease belong. */
export interface LeaseCgroup {
  /** As the engine is to be told of it. */
  readonly parent: string;
  /** It holds them to the lease's processor time by itself: the engine is not to be told of that. */
  readonly holdsCpu: boolean;
}

/** The part of the machine that its owner lends: one cgroup for all work of the grid, and one in it for each lease. */
export interface LentMachine {
  /**
   * Makes sure that all work together gets no more than this, also where a lease alone was promised more.
   * @param promised - thousandths of a core that each lease has, by its id: what it gets again when the cap allows it.
   * @throws {AppError} OFFER_TOO_SMALL: what runs has more memory than that, and cannot do without; the cap of the processor holds all the same.
   */
  setCap(cap: LentCap, promised: ReadonlyMap<string, number>): Promise<void>;
  /** Makes sure that the lease has a cgroup for that many thousandths of a core. @throws {AppError} INPUT_INVALID (no id of a lease). */
  openLease(lease: string, cpuMillis: number): Promise<LeaseCgroup>;
  /** @returns undefined where there is nothing to read. */
  counters(lease: string): Promise<LeaseCounters | undefined>;
  /** What the node has used for all leases together. */
  total(): Promise<LeaseCounters | undefined>;
  /** Names of the cgroups in that of a lease, as its engine has made them, in which something runs. */
  busyIn(lease: string): Promise<readonly string[]>;
  /** Ends what runs in one of those. */
  endIn(lease: string, cgroup: string): Promise<void>;
  /** Takes the cgroup away, with what its engine has forgotten in it. @throws {AppError} INPUT_INVALID (no id of a lease). */
  closeLease(lease: string): Promise<void>;
}
