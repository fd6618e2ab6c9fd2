import type { LeaseCounters } from '../../core/services/container/runtime.ports.js';
import type { LentPart } from './lent-part.js';
import type { UsageRecordFrame } from '../../contract/agent/work.js';
import type { Log } from '../log.js';
import type { Running } from './lease.js';
import type { Baseline, UsageJournal } from './usage-journal.js';

import { isUuid } from '../../core/utils/node-name.js';
import { slept } from '../../core/utils/slept.js';

const SAMPLE_MS = 1_000;
const RECORD_MS = 60_000;
const MIB = 2 ** 20;
/** Of one lease at the same time: two, while one takes over from the other. */
const MAX_RUNS = 4;

/** What has gone through the interfaces of a process's network, since that network was made. */
export interface InterfaceCounts {
  readonly namespace: string;
  readonly rxBytes: number;
  readonly txBytes: number;
}

export interface MeterParts {
  readonly journal: UsageJournal;
  readonly lent: Pick<LentPart, 'counters'>;
  /** Of a container that is not in the cgroup of its lease, since its last start; undefined where that cannot be read. */
  readonly own?: (lease: string, running: Running) => Promise<LeaseCounters | undefined>;
  /** Undefined where there is no such process, or nothing to read. */
  readonly interfaces: (pid: number) => Promise<InterfaceCounts | undefined>;
  /** The start of the machine that this is. */
  readonly bootId: string;
  /** Leases of which nobody knows any more how much was told: they are counted from now on. */
  readonly lost: ReadonlySet<string>;
  readonly log: Log;
  /** A process is gone that was thought to run. */
  readonly onGone: (lease: string) => void;
  /** There are records to be sent. */
  readonly onRecords: () => void;
  readonly now?: () => Date;
  readonly nowMs?: () => number;
}

/** What a lease uses now. Bytes rise for as long as this process runs. */
export interface LeaseUsage {
  /** Of one core; undefined where that cannot be known, or not yet. */
  readonly cpuPercent: number | undefined;
  readonly memoryBytes: number;
  readonly rxBytes: number;
  readonly txBytes: number;
}

interface Metered {
  running: Running | undefined;
  /** Numbers and counters of the last record. */
  seq: number;
  /** Undefined until the counter has been read, where what was recorded of it is not known. */
  cpuAtRecord: number | undefined;
  from: Date;
  /** When it was last seen to run. */
  lastLive: Date;
  sampledAtMs: number | undefined;
  cpuMicros: number | undefined;
  cpuPercent: number | undefined;
  /** Of runs outside of the lease's cgroup: all of them together, and what was read of the last ones. */
  ownMicros: number;
  ownReads: Map<string, number>;
  /** The run that was found to be gone. */
  toldGone: string | undefined;
  memoryBytes: number;
  net: InterfaceCounts | undefined;
  /** Since the last record. */
  memoryMibSeconds: number;
  rxBytes: number;
  txBytes: number;
  totals: { rxBytes: number; txBytes: number };
  wasLive: boolean;
}

/**
 * Counts what leases use. Processor time is a counter of the kernel over all that ever ran in the lease's cgroup, however seldom it is read. Where there is no
 * such cgroup it is the container's own, which begins anew with each start and is gone at the end: what came after the last look at a run is missed. Memory
 * is what was there each second, times the time. Bytes are those of the interfaces of whatever runs; what went through in the last second before a
 * container ended is lost with its network. While this process was away and the same run went on, memory counts as the mean of before and after.
 */
export class Meter {
  readonly #parts: MeterParts;
  readonly #metered = new Map<string, Metered>();
  readonly #lost: Set<string>;
  readonly #now: () => Date;
  readonly #nowMs: () => number;
  #recording: Promise<void> = Promise.resolve();
  #hasWarned = false;

  constructor(parts: MeterParts) {
    this.#parts = parts;
    this.#lost = new Set(parts.lost);
    this.#now = parts.now ?? (() => new Date());
    this.#nowMs = parts.nowMs ?? (() => performance.now());
  }

  /** This is what runs. A lease that was counted once is counted until it has ended, whatever runs in it. */
  watch(running: ReadonlyMap<string, Running | undefined>): void {
    for (const [lease, one] of running) {
      // A record of it would be refused, and with it all that are sent together.
      if (!isUuid(lease)) continue;
      const metered = this.#meteredOf(lease, one);
      // What nothing ran in is no time of use.
      if (one && !metered.running && isEmpty(metered)) metered.from = this.#now();
      metered.running = one;
    }
    for (const [lease, metered] of this.#metered) {
      if (!running.has(lease)) metered.running = undefined;
    }
  }

  /** Until the signal aborts. What was not recorded by then is in the counters still. */
  async run(signal: AbortSignal): Promise<void> {
    let recordAtMs = this.#nowMs() + RECORD_MS;
    while (await slept(SAMPLE_MS, signal)) {
      await this.sample();
      if (this.#nowMs() < recordAtMs) continue;
      recordAtMs = this.#nowMs() + RECORD_MS;
      await this.record();
    }
    await this.record();
  }

  /** Looks at the counters of all that runs. Never rejects. */
  async sample(): Promise<void> {
    await Promise.all([...this.#metered].map((one) => this.#sample(...one)));
  }

  /** Makes a record of what was used since the last one, of each lease. Never rejects: what finds no room on the disk is in the next one. */
  record(leases: readonly string[] = [...this.#metered.keys()]): Promise<void> {
    this.#recording = this.#recording.then(() => this.#record(leases));
    return this.#recording;
  }

  /** The last record of a lease whose containers are gone. @throws when it finds no room: the lease has not ended then. */
  async end(lease: string): Promise<void> {
    const metered = this.#meteredOf(lease, undefined);
    metered.running = undefined;
    await this.#sample(lease, metered);
    const done = this.#recording.then(() => this.#write([[lease, metered]]));
    this.#recording = done.catch(() => undefined);
    await done;
  }

  /** The counters of the lease are gone. */
  async forget(lease: string): Promise<void> {
    this.#metered.delete(lease);
    this.#lost.delete(lease);
    await this.#parts.journal.forget(lease);
  }

  usageOf(lease: string): LeaseUsage | undefined {
    const metered = this.#metered.get(lease);
    if (metered?.sampledAtMs === undefined || !metered.running) return undefined;
    const { cpuPercent, memoryBytes, totals } = metered;
    return { cpuPercent, memoryBytes, ...totals };
  }

  /** Takes up where the last record was made, be it by this process or one before. */
  #meteredOf(lease: string, running: Running | undefined): Metered {
    const known = this.#metered.get(lease);
    if (known) return known;
    const kept = this.#parts.journal.baseline(lease);
    const baseline = kept?.bootId === this.#parts.bootId ? kept : undefined;
    const now = this.#now();
    const isSameRun = baseline?.run !== undefined && baseline.run === running?.run;
    const metered: Metered = {
      running,
      // By the clock, where none is known: a lease that was forgotten and comes back has no number twice.
      seq: baseline?.seq ?? now.getTime(),
      cpuAtRecord: baseline?.cpuMicros ?? (this.#lost.has(lease) ? undefined : 0),
      from: isSameRun ? new Date(baseline.at) : now,
      lastLive: now,
      sampledAtMs: isSameRun
        ? this.#nowMs() - Math.max(0, now.getTime() - Date.parse(baseline.at))
        : undefined,
      cpuMicros: undefined,
      cpuPercent: undefined,
      ownMicros: baseline?.own?.cpuMicros ?? 0,
      ownReads: new Map(baseline?.own?.reads.map(({ run, cpuMicros }) => [run, cpuMicros])),
      toldGone: undefined,
      memoryBytes: isSameRun ? baseline.memoryBytes : 0,
      net: baseline?.net,
      memoryMibSeconds: 0,
      rxBytes: 0,
      txBytes: 0,
      totals: { rxBytes: 0, txBytes: 0 },
      wasLive: isSameRun,
    };
    this.#metered.set(lease, metered);
    return metered;
  }

  async #sample(lease: string, metered: Metered): Promise<void> {
    const { interfaces } = this.#parts;
    const { running } = metered;
    const pid = running?.pid;
    const [counters, net] = await Promise.all([
      this.#counters(lease, metered),
      pid === undefined ? undefined : interfaces(pid).catch(() => undefined),
    ]);
    if (net && !counters && !this.#hasWarned) {
      this.#hasWarned = true;
      this.#parts.log.warn('what containers use of processor and memory cannot be counted here');
    }
    if (pid !== undefined && !net && metered.toldGone !== running?.run) {
      metered.toldGone = running?.run;
      this.#parts.onGone(lease);
    }
    const nowMs = this.#nowMs();
    const memoryBytes = running ? (counters?.memoryBytes ?? 0) : 0;
    const seconds = Math.max(0, nowMs - (metered.sampledAtMs ?? nowMs)) / 1_000;
    if (counters) {
      const micros = counters.cpuMicros - (metered.cpuMicros ?? Infinity);
      metered.cpuPercent = micros >= 0 && seconds > 0 ? micros / seconds / 10_000 : undefined;
      metered.cpuMicros = counters.cpuMicros;
      metered.cpuAtRecord ??= counters.cpuMicros;
    }
    if (running && metered.wasLive) {
      metered.memoryMibSeconds += ((metered.memoryBytes + memoryBytes) / 2 / MIB) * seconds;
    }
    if (running) metered.lastLive = this.#now();
    Object.assign(metered, { sampledAtMs: nowMs, memoryBytes, wasLive: running !== undefined });
    if (net && !metered.net && this.#lost.has(lease)) metered.net = net;
    else if (net) count(metered, net);
  }

  /** Of the lease's cgroup and, as long as nothing has ever run in there, of whatever runs of it elsewhere. */
  async #counters(lease: string, metered: Metered): Promise<LeaseCounters | undefined> {
    const { lent, own } = this.#parts;
    const { running } = metered;
    const counters = await lent.counters(lease).catch(() => undefined);
    const isElsewhere = running && (counters === undefined || counters.cpuMicros === 0);
    const found = isElsewhere ? await own?.(lease, running).catch(() => undefined) : undefined;
    if (found && running) countOwn(metered, running.run, found.cpuMicros);
    if (!counters && !found) return undefined;
    return {
      cpuMicros: (counters?.cpuMicros ?? 0) + metered.ownMicros,
      memoryBytes: (found ?? counters)?.memoryBytes ?? 0,
    };
  }

  async #record(leases: readonly string[]): Promise<void> {
    const all = leases.flatMap((lease) => {
      const metered = this.#metered.get(lease);
      return metered ? [[lease, metered] as const] : [];
    });
    try {
      await this.#write(all);
    } catch (error) {
      this.#parts.log.warn('usage could not be kept, and is in the next record', {
        reason: String(error),
      });
    }
  }

  /** Records and baselines of all of them are one line of the file. */
  async #write(all: readonly (readonly [string, Metered])[]): Promise<void> {
    const { journal, bootId, onRecords } = this.#parts;
    const records: UsageRecordFrame[] = [];
    const baselines: Baseline[] = [];
    const after: (() => void)[] = [];
    for (const [lease, metered] of all) {
      const made = recordOf(lease, bootId, metered, this.#now());
      if (!made) continue;
      records.push(made.record);
      baselines.push(made.baseline);
      after.push(made.keep);
    }
    await journal.append(records, baselines);
    for (const keep of after) keep();
    if (records.length > 0) onRecords();
  }
}

/** Undefined where nothing was used, and nothing has changed. `keep`: what to do once it lies on the disk. */
function recordOf(lease: string, bootId: string, metered: Metered, now: Date) {
  const { cpuMicros, cpuAtRecord, memoryMibSeconds, rxBytes, txBytes, running } = metered;
  // A counter that is smaller than it was began anew.
  const before = cpuAtRecord ?? 0;
  const read = cpuMicros ?? before;
  const cpu = read >= before ? read - before : read;
  const end = running ? now : metered.lastLive;
  const to = new Date(Math.max(end.getTime(), metered.from.getTime()));
  if (cpu === 0 && isEmpty(metered) && !running) return undefined;
  const seq = metered.seq + 1;
  const record: UsageRecordFrame = {
    lease,
    bootId,
    seq,
    from: metered.from.toISOString(),
    to: to.toISOString(),
    cpuMicros: cpu,
    memoryMibSeconds,
    rxBytes,
    txBytes,
  };
  const baseline: Baseline = {
    lease,
    bootId,
    seq,
    at: to.toISOString(),
    cpuMicros: read,
    memoryBytes: metered.memoryBytes,
    ...(running ? { run: running.run } : {}),
    ...(metered.net ? { net: metered.net } : {}),
    ...(metered.ownReads.size > 0 ? { own: ownOf(metered) } : {}),
  };
  const keep = () => {
    metered.seq = seq;
    metered.cpuAtRecord = read;
    metered.from = to;
    // What was sampled while it was written stays.
    metered.memoryMibSeconds -= memoryMibSeconds;
    metered.rxBytes -= rxBytes;
    metered.txBytes -= txBytes;
  };
  return { record, baseline, keep };
}

/** Each run has a counter of its own, and of two that take turns neither is counted twice. */
function countOwn(metered: Metered, run: string, cpuMicros: number): void {
  metered.ownMicros += Math.max(0, cpuMicros - (metered.ownReads.get(run) ?? 0));
  metered.ownReads.delete(run);
  metered.ownReads.set(run, cpuMicros);
  const [oldest] = metered.ownReads.keys();
  if (metered.ownReads.size > MAX_RUNS && oldest !== undefined) metered.ownReads.delete(oldest);
}

function ownOf({ ownMicros, ownReads }: Metered) {
  const reads = [...ownReads].map(([run, cpuMicros]) => ({ run, cpuMicros }));
  return { cpuMicros: ownMicros, reads };
}

function isEmpty({ memoryMibSeconds, rxBytes, txBytes }: Metered): boolean {
  return memoryMibSeconds === 0 && rxBytes === 0 && txBytes === 0;
}

function count(metered: Metered, net: InterfaceCounts): void {
  const before = metered.net;
  const isSame = before?.namespace === net.namespace && net.rxBytes >= before.rxBytes;
  const rx = isSame ? net.rxBytes - before.rxBytes : net.rxBytes;
  const tx = isSame ? Math.max(0, net.txBytes - before.txBytes) : net.txBytes;
  metered.rxBytes += rx;
  metered.txBytes += tx;
  metered.totals.rxBytes += rx;
  metered.totals.txBytes += tx;
  metered.net = net;
}
