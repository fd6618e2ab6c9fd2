import type { AgentFrame } from '../../contract/agent/protocol.js';
import type { ContainerRuntime } from '../../core/services/container/runtime.ports.js';
import type { Offer } from '../../core/types/models/agent.js';
import type { Log } from '../log.js';

import { slept } from '../../core/utils/slept.js';
import { Assignments } from './assignments.js';
import { lentFolders } from './binds.js';
import { CgroupRecord } from './cgroup-record.js';
import { Engine, type EngineSource } from './engine.js';
import { eachOf } from './limit.js';
import { promisedCpuMillis } from './lease.js';
import { ImageRights } from './image-rights.js';
import { LentPart, type OpenLent } from './lent-part.js';
import { Orphans } from './orphans.js';
import { Reconciler } from './reconciler.js';
import { SecretFiles } from './secret-files.js';
import { type InterfaceCounts, Meter, type MeterParts } from './usage.js';
import { UsageJournal } from './usage-journal.js';
import { WorkFiles } from './work-files.js';
import { type ChannelPort, WorkLink } from './work-link.js';

const NO_INTERFACES = () => Promise.resolve(undefined);
/** A machine that leaves ends what runs on it for the grid, and does not wait for long. */
const ABANDON_STOP_SECONDS = 10;
const ABANDON_TIMEOUT_MS = 60_000;
const ABANDON_AT_ONCE = 8;

/** What of the machine runs the containers of the grid, and what its owner says of that. */
export interface WorkOptions {
  readonly source: EngineSource;
  /** Folders of this machine that containers may have. */
  readonly allowBind: readonly string[];
  /** Absent: nothing but their own limits holds them. */
  readonly lent?: OpenLent;
  readonly interfaces?: (pid: number) => Promise<InterfaceCounts | undefined>;
  /** As `MeterParts.own`. */
  readonly own?: MeterParts['own'];
  readonly channels?: (parts: ChannelParts) => ChannelPort;
}

/** What the streams of a connection are made of. */
export interface ChannelParts {
  readonly replicaOf: (lease: string) => Replica | undefined;
  readonly statsOf: (lease: string) => Promise<ReplicaStats | undefined>;
  readonly send: (frame: AgentFrame) => void;
  /** Resolves when the connection has room for another chunk. */
  readonly room: () => Promise<void>;
  readonly log: Log;
}

/** The container of a lease, and the engine that has it. */
export interface Replica {
  readonly runtime: ContainerRuntime;
  readonly containerId: string;
}

interface ReplicaStats {
  readonly cpuPercent?: number;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  readonly rxBytes: number;
  readonly txBytes: number;
}

export interface WorkParts extends WorkOptions {
  /** Of the agent, on the disk. */
  readonly directory: string;
  /** Id of the node. */
  readonly node: string;
  readonly bootId: string;
  readonly log: Log;
}

/**
 * The containers of a node: what they are to be, what they are, and what they use. Goes on without a daemon, by what lies on the disk; a
 * connection to one is a link that may come and go.
 */
export class Work {
  readonly #parts: WorkParts;
  readonly #files: WorkFiles;
  readonly #secrets: SecretFiles;
  readonly #journal: UsageJournal;
  readonly #engine: Engine;
  readonly #lent: LentPart;
  readonly #meter: Meter;
  readonly #assignments: Assignments;
  readonly #reconciler: Reconciler;
  readonly #orphans: Orphans;
  #link: WorkLink | undefined;

  private constructor(
    parts: WorkParts,
    { files, journal, rights }: { files: WorkFiles; journal: UsageJournal; rights: ImageRights },
  ) {
    const { directory, node, bootId, log, interfaces = NO_INTERFACES, allowBind } = parts;
    const lent = new LentPart({
      name: `syntropy-${node.slice(0, 8)}`,
      open: parts.lent,
      record: new CgroupRecord(directory),
      promised: () => promisedBy(files),
      log,
    });
    this.#lent = lent;
    this.#parts = parts;
    this.#files = files;
    this.#journal = journal;
    this.#secrets = new SecretFiles(directory);
    this.#engine = new Engine(parts.source, (facts) => lent.opened(facts), log);
    this.#meter = new Meter({
      journal,
      lent,
      interfaces,
      ...(parts.own ? { own: parts.own } : {}),
      bootId,
      lost: new Set(journal.isLost ? files.state.leases.keys() : []),
      log,
      // Where interfaces cannot be read at all, that says nothing.
      onGone: (lease) => parts.interfaces && this.#reconciler.doubt(lease),
      onRecords: () => this.#link?.pump(),
    });
    this.#assignments = new Assignments({
      files,
      secrets: this.#secrets,
      log,
      onChanged: (leases) => {
        for (const lease of leases) this.#reconciler.changed(lease);
      },
      onHeld: () => this.#link?.headerChanged(),
    });
    this.#reconciler = new Reconciler({
      node,
      files,
      secrets: this.#secrets,
      rights,
      allowBind,
      lent,
      meter: this.#meter,
      engine: this.#engine,
      log,
      completeSinceMs: () => this.#assignments.completeSinceMs,
      onLease: (lease) => this.#link?.changed(lease),
      onFailure: (lease) => this.#link?.changed(lease, true),
      onEngine: () => this.#link?.headerChanged(),
      onRunning: (running) => this.#meter.watch(running),
    });
    this.#orphans = new Orphans({
      node,
      lent,
      runtime: () => this.#engine.current?.runtime,
      leases: () => files.state.leases.keys(),
      isBusy: (lease) => this.#reconciler.isBusy(lease),
      log,
    });
  }

  /** Takes up what lies on the disk. What is damaged there is told of, and removes nothing. */
  static async open(parts: WorkParts): Promise<Work> {
    const { directory, log } = parts;
    const damaged = (file: string) =>
      log.error('a file was damaged, and is put aside; the daemon says the work anew', { file });
    const files = await WorkFiles.open(directory, damaged);
    const allowBind = await lentFolders(parts.allowBind, log);
    const journal = await UsageJournal.open(directory, damaged);
    const rights = await ImageRights.open(directory, damaged);
    return new Work({ ...parts, allowBind }, { files, journal, rights });
  }

  /** Until the signal aborts. Containers go on. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      const parts = [this.#reconciler, this.#meter, this.#orphans];
      await Promise.all(parts.map((part) => part.run(signal)));
    } finally {
      await this.#assignments.close();
      await this.#files.settled();
      await this.#journal.close();
    }
  }

  /** A daemon is there, and is told how it stands. One connection at a time. */
  connect(send: (frame: AgentFrame) => void, room: () => Promise<void>): WorkLink {
    this.#link?.close();
    const { channels, log } = this.#parts;
    const replicaOf = (lease: string) => this.replicaOf(lease);
    const statsOf = (lease: string) => Promise.resolve(this.#statsOf(lease));
    const link = new WorkLink({
      send,
      channels: channels?.({ replicaOf, statsOf, send, room, log }),
      journal: this.#journal,
      header: () => this.#header(),
      report: (lease) => this.#reconciler.report(lease),
      leases: () => {
        const { leases, ended } = this.#files.state;
        return [...leases.keys(), ...ended.keys()];
      },
      missing: () => this.#assignments.missing(),
      told: (work) => this.#assignments.told(work),
      assigned: (assignment) => this.#assignments.assigned(assignment),
      onEndedTold: (leases) => void this.#forgetEnded(leases),
      onTrouble: (error) => log.warn('usage could not be sent', { reason: String(error) }),
    });
    this.#link = link;
    return link;
  }

  /** What the owner lends to all containers together. Never rejects. */
  async lend({ cpuMillis = 0, memoryBytes = 0 }: Offer): Promise<void> {
    await this.#lent.lend({ cpuMillis, memoryBytes });
    // What could not be kept to is tried again by then.
    this.#reconciler.wake();
  }

  /** What a lease has on the engine now. */
  replicaOf(lease: string): Replica | undefined {
    const runtime = this.#engine.current?.runtime;
    const containerId = this.#reconciler.containerOf(lease);
    return runtime && containerId !== undefined ? { runtime, containerId } : undefined;
  }

  /** This machine is no node any more: what the grid has put on it goes. Only when nothing runs here any more. Never rejects. */
  async abandon(): Promise<void> {
    const { node, log } = this.#parts;
    const over = new AbortController();
    const late = slept(ABANDON_TIMEOUT_MS, over.signal);
    await Promise.race([late, this.#removeAll(node)]).catch((error: unknown) => {
      log.warn('not all containers of the grid could be removed', { reason: String(error) });
    });
    over.abort();
    await this.#secrets.wipe().catch(() => undefined);
  }

  /** Lets go of the engine. */
  close(): void {
    this.#engine.close();
  }

  async #removeAll(node: string): Promise<void> {
    await this.#engine.look();
    const runtime = this.#engine.current?.runtime;
    if (!runtime) return;
    await eachOf(await runtime.list(node), ABANDON_AT_ONCE, async ({ id }) => {
      await runtime.stop(id, ABANDON_STOP_SECONDS).catch(() => undefined);
      await runtime.remove(id);
    });
  }

  #header() {
    const { current, problem, hasLooked } = this.#engine;
    if (!hasLooked) return undefined;
    const { generation } = this.#files.state;
    if (!current) {
      return { generation, ...(problem === undefined ? {} : { engineProblem: problem }) };
    }
    const { kind, version, cgroup, architecture } = current.facts;
    return { generation, engine: { kind, version, cgroup, architecture } };
  }

  #statsOf(lease: string): ReplicaStats | undefined {
    const usage = this.#meter.usageOf(lease);
    const record = this.#files.state.leases.get(lease);
    if (!usage || !record) return undefined;
    const { cpuPercent, memoryBytes, rxBytes, txBytes } = usage;
    const memoryLimitBytes = record.wanted.spec.memoryBytes;
    const rest = { memoryBytes, memoryLimitBytes, rxBytes, txBytes };
    return cpuPercent === undefined ? rest : { ...rest, cpuPercent };
  }

  async #forgetEnded(leases: readonly string[]): Promise<void> {
    // What is not forgotten is told once more.
    await this.#files
      .change(({ ended }) => {
        for (const lease of leases) ended.delete(lease);
      })
      .catch(() => undefined);
  }
}

/** What each lease may have of the processor. */
function promisedBy({ state }: WorkFiles): ReadonlyMap<string, number> {
  return new Map([...state.leases].map(([lease, record]) => [lease, promisedCpuMillis(record)]));
}
