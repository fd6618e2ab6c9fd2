import path from 'node:path';

import type {
  LeaseCgroup,
  LeaseCounters,
  LentCap,
  LentMachine,
} from '../../services/container/runtime.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { errorCode } from '../../types/errors/error-code.js';
import {
  busyIn,
  cgroupsIn,
  endProcesses,
  isLease,
  makeCgroup,
  readNumber,
  readText,
  removeCgroup,
  requireLease,
  setFile,
} from './cgroup-files.js';

/** One tenth of a second: what is used up early is waited for no longer than that (cgroup-v1/../sched-bwc). */
const PERIOD_MICROS = 100_000;
/** The kernel takes none below. */
const LEAST_QUOTA_MICROS = 1_000;
const NANOS_OF_A_MICRO = 1_000;

interface Trees {
  readonly cpu: string;
  readonly cpuacct: string;
  readonly memory: string;
  readonly pids: string;
}

/**
 * In version 1 each controller has a tree of its own, and a cgroup is one in all of them.
 *
 * The kernel refuses a quota that is above one of its parents' (`tg_cfs_schedulable_down`): a cap could not be lowered under what runs, and what an engine
 * starts again with its own limit would not start under a cap that was lowered since. So the quota is the lease's, and its containers have none.
 */
export class LentMachineV1 implements LentMachine {
  readonly #trees: Trees;
  readonly #all: readonly string[];
  readonly #name: string;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param all - the trees of every controller, also of those that nothing is counted in. */
  constructor(trees: Trees, all: readonly string[], name: string) {
    this.#trees = trees;
    this.#all = all;
    this.#name = name;
  }

  setCap(cap: LentCap, promised: ReadonlyMap<string, number>): Promise<void> {
    return this.#inTurn(() => this.#setCap(cap, promised));
  }

  async openLease(lease: string, cpuMillis: number): Promise<LeaseCgroup> {
    requireLease(lease);
    return this.#inTurn(() => this.#openLease(lease, cpuMillis));
  }

  async counters(lease: string): Promise<LeaseCounters | undefined> {
    if (!isLease(lease)) return undefined;
    return this.#read(path.join(this.#name, lease));
  }

  total(): Promise<LeaseCounters | undefined> {
    return this.#read(this.#name);
  }

  async busyIn(lease: string): Promise<readonly string[]> {
    return isLease(lease) ? busyIn(path.join(this.#trees.pids, this.#name, lease)) : [];
  }

  async endIn(lease: string, cgroup: string): Promise<void> {
    requireLease(lease);
    await endProcesses(path.join(this.#trees.pids, this.#name, lease, path.basename(cgroup)));
  }

  async closeLease(lease: string): Promise<void> {
    requireLease(lease);
    // What dies slowly holds up no other change.
    await endProcesses(path.join(this.#trees.pids, this.#name, lease));
    return this.#inTurn(async () => {
      for (const tree of this.#all) await removeCgroup(path.join(tree, this.#name, lease));
    });
  }

  async #setCap({ cpuMillis, memoryBytes }: LentCap, promised: ReadonlyMap<string, number>) {
    await this.#makeParent();
    const parent = path.join(this.#trees.cpu, this.#name);
    const cap = quotaOf(cpuMillis);
    const before = await quotaAt(parent);
    const leases = await cgroupsIn(parent);
    const keepTo = async (most: number) => {
      for (const lease of leases) {
        const millis = promised.get(lease);
        const own =
          millis === undefined ? await quotaAt(path.join(parent, lease)) : quotaOf(millis);
        await ifThere(setQuota(path.join(parent, lease), Math.min(own, most)));
      }
    };
    // No child may have more than its parent at any time: what is lowered is lowered from below, what is raised from above.
    await keepTo(Math.min(cap, before));
    await setQuota(parent, cap);
    if (cap > before) await keepTo(cap);
    await this.#capMemory(path.join(this.#trees.memory, this.#name), memoryBytes);
  }

  async #openLease(lease: string, cpuMillis: number): Promise<LeaseCgroup> {
    await this.#makeParent();
    for (const tree of new Set(Object.values(this.#trees))) {
      await makeCgroup(path.join(tree, this.#name, lease));
    }
    const parent = path.join(this.#trees.cpu, this.#name);
    const quota = Math.min(quotaOf(cpuMillis), await quotaAt(parent));
    await setQuota(path.join(parent, lease), quota);
    return { parent: `/${this.#name}/${lease}`, holdsCpu: true };
  }

  /** Quotas of parent and child are looked at together: one change at a time. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(change);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #makeParent(): Promise<void> {
    for (const tree of new Set(Object.values(this.#trees))) {
      await makeCgroup(path.join(tree, this.#name));
    }
    // Without it a cap on the parent counts nothing of what its children use; it can be set only before there is one.
    const hierarchy = path.join(this.#trees.memory, this.#name, 'memory.use_hierarchy');
    if ((await readText(hierarchy)) === '0') await setFile(hierarchy, '1');
  }

  /** The limit with swap may never be below the one without: of the two, the one that moves away goes first. */
  async #capMemory(memory: string, bytes: number): Promise<void> {
    const limit = path.join(memory, 'memory.limit_in_bytes');
    const withSwap = path.join(memory, 'memory.memsw.limit_in_bytes');
    const hasSwap = (await readText(withSwap)) !== undefined;
    // No limit is a number that is larger than any that can be counted with here.
    const isRaised = bytes > Number(await readText(limit));
    const files = hasSwap ? (isRaised ? [withSwap, limit] : [limit, withSwap]) : [limit];
    try {
      for (const file of files) await setFile(file, String(bytes));
    } catch (error) {
      if (errorCode(error) !== 'EBUSY') throw error;
      throw new AppError('OFFER_TOO_SMALL', `What runs uses more memory than ${bytes} bytes.`);
    }
  }

  async #read(cgroup: string): Promise<LeaseCounters | undefined> {
    const cpuNanos = await readNumber(path.join(this.#trees.cpuacct, cgroup, 'cpuacct.usage'));
    if (cpuNanos === undefined) return undefined;
    const memory = path.join(this.#trees.memory, cgroup, 'memory.usage_in_bytes');
    return {
      cpuMicros: Math.floor(cpuNanos / NANOS_OF_A_MICRO),
      memoryBytes: (await readNumber(memory)) ?? 0,
    };
  }
}

function quotaOf(cpuMillis: number): number {
  return Math.max(Math.floor((cpuMillis * PERIOD_MICROS) / 1_000), LEAST_QUOTA_MICROS);
}

/** In a period of ours; Infinity for none, which the kernel writes as -1, and where there is no file yet. */
async function quotaAt(cgroup: string): Promise<number> {
  return (await readNumber(path.join(cgroup, 'cpu.cfs_quota_us'))) ?? Infinity;
}

/** An engine, or whoever else is root, may take a cgroup away at any moment: then it needs no limit. */
async function ifThere(done: Promise<void>): Promise<void> {
  try {
    await done;
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'ENOENT' && code !== 'ENODEV') throw error;
  }
}

async function setQuota(cgroup: string, quota: number): Promise<void> {
  await setFile(path.join(cgroup, 'cpu.cfs_period_us'), String(PERIOD_MICROS));
  await setFile(
    path.join(cgroup, 'cpu.cfs_quota_us'),
    Number.isFinite(quota) ? String(quota) : '-1',
  );
}
