import path from 'node:path';

import type { LeaseCounters, LentMachine } from '../../services/container/runtime.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { errorCode } from '../../types/errors/error-code.js';
import {
  endProcesses,
  makeCgroup,
  readNumber,
  readText,
  removeCgroup,
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

/** In version 1 each controller has a tree of its own, and a cgroup is one in all of them. */
export class LentMachineV1 implements LentMachine {
  readonly #trees: Trees;
  readonly #all: readonly string[];
  readonly #name: string;

  /** @param all - the trees of every controller, also of those that nothing is counted in. */
  constructor(trees: Trees, all: readonly string[], name: string) {
    this.#trees = trees;
    this.#all = all;
    this.#name = name;
  }

  /** @throws {AppError} OFFER_TOO_SMALL: what runs has more memory than that, and cannot do without; the cap of the processor holds all the same. */
  async setCap({ cpuMillis, memoryBytes }: Parameters<LentMachine['setCap']>[0]): Promise<void> {
    await this.#makeParent();
    const cpu = path.join(this.#trees.cpu, this.#name);
    await setFile(path.join(cpu, 'cpu.cfs_period_us'), String(PERIOD_MICROS));
    const quota = Math.floor((cpuMillis * PERIOD_MICROS) / 1_000);
    await setFile(path.join(cpu, 'cpu.cfs_quota_us'), String(Math.max(quota, LEAST_QUOTA_MICROS)));
    await this.#capMemory(path.join(this.#trees.memory, this.#name), memoryBytes);
  }

  async openLease(lease: string): Promise<string> {
    await this.#makeParent();
    for (const tree of new Set(Object.values(this.#trees))) {
      await makeCgroup(path.join(tree, this.#name, lease));
    }
    return `/${this.#name}/${lease}`;
  }

  counters(lease: string): Promise<LeaseCounters | undefined> {
    return this.#read(path.join(this.#name, lease));
  }

  total(): Promise<LeaseCounters | undefined> {
    return this.#read(this.#name);
  }

  async closeLease(lease: string): Promise<void> {
    await endProcesses(path.join(this.#trees.pids, this.#name, lease));
    for (const tree of this.#all) await removeCgroup(path.join(tree, this.#name, lease));
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
