import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { AppError } from '../../types/errors/app-error.js';
import { errorCode } from '../../types/errors/error-code.js';

const LEASE = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What is killed is gone within this, unless the kernel itself is stuck with it. */
const END_TRIES = 40;
const END_LOOK_MS = 25;

/** A hierarchy of cgroups, by where it is mounted. */
export interface CgroupMounts {
  /** Version 2, where all controllers are in one tree. */
  readonly unified: string | undefined;
  /** Version 1: a tree for each controller, or for several together. */
  readonly controllers: ReadonlyMap<string, string>;
}

/** `/proc/self/mountinfo` (proc_pid_mountinfo(5)); a hybrid machine has both. */
export function parseCgroupMounts(mountinfo: string): CgroupMounts {
  let unified: string | undefined;
  const controllers = new Map<string, string>();
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const mountpoint = before.split(' ')[4];
    const [type, , options = ''] = after.split(' ');
    if (mountpoint === undefined) continue;
    if (type === 'cgroup2') unified ??= mountpoint;
    if (type !== 'cgroup') continue;
    for (const word of options.split(',')) {
      if (!controllers.has(word)) controllers.set(word, mountpoint);
    }
  }
  return { unified, controllers };
}

/** Whether it is the id of a lease. Whatever else stands on a container may be a way to anywhere. */
export function isLease(lease: string): boolean {
  return LEASE.test(lease);
}

/** @throws {AppError} INPUT_INVALID where it is no id of a lease. */
export function requireLease(lease: string): void {
  if (isLease(lease)) return;
  throw new AppError('INPUT_INVALID', `"${lease.slice(0, 100)}" is no id of a lease.`);
}

/** Undefined for what is not there. */
export async function readNumber(file: string): Promise<number | undefined> {
  const text = await readText(file);
  const value = text === undefined ? Number.NaN : Number.parseInt(text, 10);
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** Undefined for what is not there, or goes while it is read. */
export async function readText(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** A line of a file of `<word> <number>` lines. */
export async function readField(file: string, word: string): Promise<number | undefined> {
  const text = (await readText(file)) ?? '';
  const found = new RegExp(`^${word} (\\d+)$`, 'm').exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Writes only what differs: a write has the kernel look at all that runs there. */
export async function setFile(file: string, value: string): Promise<void> {
  if ((await readText(file)) !== value) await writeFile(file, value);
}

export async function makeCgroup(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
}

/** With what an engine has left in it; stays where something runs in it. */
export async function removeCgroup(directory: string): Promise<void> {
  for (const below of await cgroupsIn(directory)) await removeCgroup(path.join(directory, below));
  try {
    await rmdir(directory);
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'ENOENT' && code !== 'EBUSY' && code !== 'ENOTEMPTY') throw error;
  }
}

/** Ends what runs in it, and below it: an engine that was killed in the midst of a start knows nothing of what it has left there. */
export async function endProcesses(directory: string): Promise<void> {
  for (const below of await cgroupsIn(directory)) await endProcesses(path.join(directory, below));
  for (let tries = 0; tries < END_TRIES; tries += 1) {
    const some = await pidsIn(directory);
    if (some.length === 0) return;
    for (const pid of some) kill(pid);
    await pause(END_LOOK_MS);
  }
}

/** Names of those in it in which, or below which, something runs. */
export async function busyIn(directory: string): Promise<readonly string[]> {
  const names = await cgroupsIn(directory);
  const busy = await Promise.all(names.map((name) => isBusy(path.join(directory, name))));
  return names.filter((_, n) => busy[n]);
}

async function isBusy(directory: string): Promise<boolean> {
  if ((await pidsIn(directory)).length > 0) return true;
  for (const below of await cgroupsIn(directory)) {
    if (await isBusy(path.join(directory, below))) return true;
  }
  return false;
}

/** Processes in it, not below it. One in another namespace of numbers has none here: it is 0. */
async function pidsIn(directory: string): Promise<readonly number[]> {
  const text = (await readText(path.join(directory, 'cgroup.procs'))) ?? '';
  return text
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 1);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

/** Names of those in it; none where it is not there. */
export async function cgroupsIn(directory: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
