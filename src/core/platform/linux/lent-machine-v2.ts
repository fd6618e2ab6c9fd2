import path from 'node:path';

import type {
  LeaseCgroup,
  LeaseCounters,
  LentCap,
  LentMachine,
  RuntimeFacts,
} from '../../services/container/runtime.ports.js';

import {
  busyIn,
  endProcesses,
  isLease,
  makeCgroup,
  readField,
  readNumber,
  removeCgroup,
  requireLease,
  setFile,
} from './cgroup-files.js';

const PERIOD_MICROS = 100_000;
/** The kernel takes none below. */
const LEAST_QUOTA_MICROS = 1_000;
const CONTROLLERS = '+cpu +memory +pids';

/**
 * In version 2 there is one tree (https://docs.kernel.org/admin-guide/cgroup-v2.html). With systemd as the engine's driver a parent is a slice, whose name holds
 * its path: `a-b.slice` is in `a.slice`; a name's own hyphens would be levels, and become underscores.
 */
export class LentMachineV2 implements LentMachine {
  readonly #root: string;
  readonly #name: string;
  readonly #driver: RuntimeFacts['cgroupDriver'];

  constructor(root: string, name: string, driver: RuntimeFacts['cgroupDriver']) {
    this.#root = root;
    this.#name = name;
    this.#driver = driver;
  }

  /** A child may have a larger quota than its parent here, and gets no more than that: nothing of what was promised is to be changed. */
  async setCap({ cpuMillis, memoryBytes }: LentCap): Promise<void> {
    const parent = await this.#makeParent();
    const quota = Math.floor((cpuMillis * PERIOD_MICROS) / 1_000);
    await setFile(
      path.join(parent, 'cpu.max'),
      `${Math.max(quota, LEAST_QUOTA_MICROS)} ${PERIOD_MICROS}`,
    );
    await setFile(path.join(parent, 'memory.max'), String(memoryBytes));
    // No swap beside it; where the kernel keeps no account of swap the file is missing.
    await setFile(path.join(parent, 'memory.swap.max'), '0').catch(() => undefined);
  }

  async openLease(lease: string): Promise<LeaseCgroup> {
    requireLease(lease);
    await this.#makeParent();
    const directory = this.#leaseDirectory(lease);
    await makeCgroup(directory);
    await setFile(path.join(directory, 'cgroup.subtree_control'), CONTROLLERS).catch(
      () => undefined,
    );
    const parent =
      this.#driver === 'systemd' ? path.basename(directory) : `/${this.#name}/${lease}`;
    return { parent, holdsCpu: false };
  }

  async counters(lease: string): Promise<LeaseCounters | undefined> {
    if (!isLease(lease)) return undefined;
    return read(this.#leaseDirectory(lease));
  }

  total(): Promise<LeaseCounters | undefined> {
    return read(this.#parentDirectory());
  }

  async busyIn(lease: string): Promise<readonly string[]> {
    return isLease(lease) ? busyIn(this.#leaseDirectory(lease)) : [];
  }

  async endIn(lease: string, cgroup: string): Promise<void> {
    requireLease(lease);
    await endProcesses(path.join(this.#leaseDirectory(lease), path.basename(cgroup)));
  }

  async closeLease(lease: string): Promise<void> {
    requireLease(lease);
    const directory = this.#leaseDirectory(lease);
    await endProcesses(directory);
    await removeCgroup(directory);
  }

  async #makeParent(): Promise<string> {
    const parent = this.#parentDirectory();
    await enable(this.#root);
    await makeCgroup(parent);
    await enable(parent);
    return parent;
  }

  #parentDirectory(): string {
    return path.join(
      this.#root,
      this.#driver === 'systemd' ? `${sliceWord(this.#name)}.slice` : this.#name,
    );
  }

  #leaseDirectory(lease: string): string {
    const name =
      this.#driver === 'systemd' ? `${sliceWord(this.#name)}-${sliceWord(lease)}.slice` : lease;
    return path.join(this.#parentDirectory(), name);
  }
}

function sliceWord(name: string): string {
  return name.replaceAll('-', '_');
}

/** The controllers for what is in it. Reading tells which are on, in an order of the kernel's own: it is written each time. */
async function enable(directory: string): Promise<void> {
  await setFile(path.join(directory, 'cgroup.subtree_control'), CONTROLLERS);
}

async function read(directory: string): Promise<LeaseCounters | undefined> {
  const cpuMicros = await readField(path.join(directory, 'cpu.stat'), 'usage_usec');
  if (cpuMicros === undefined) return undefined;
  const memoryBytes = (await readNumber(path.join(directory, 'memory.current'))) ?? 0;
  return { cpuMicros, memoryBytes };
}
