import { readFileSync } from 'node:fs';
import path from 'node:path';

import type { LeaseCounters } from '../../services/container/runtime.ports.js';

import {
  type CgroupMounts,
  parseCgroupMounts,
  readField,
  readNumber,
  readText,
} from './cgroup-files.js';

const NANOS_OF_A_MICRO = 1_000;

/** A process, and what has to be seen in the name of its cgroup. */
export interface CountedProcess {
  readonly pid: number;
  /** Its container, as the engine knows it: a number alone may be another process's by now, or of another machine, where the engine has one of its own. */
  readonly container: string;
  /** Its lease: a container in the cgroup of that is counted there. */
  readonly lease: string;
}

/**
 * What a container has used since its last start, by the cgroup that its engine has made for it. Anybody may read that, also who is not root.
 * Undefined where it has none of its own: it is gone, in its lease's cgroup, or its engine has no cgroups to give.
 */
export async function containerCounters(
  process: CountedProcess,
  proc = '/proc',
  mounts = hostMounts(),
): Promise<LeaseCounters | undefined> {
  const text = await readText(path.join(proc, String(process.pid), 'cgroup'));
  const lines = (text ?? '').split('\n').map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line));
  const own = (word: string) => {
    const [, , at] = lines.find((line) => line?.[1]?.split(',').includes(word)) ?? [];
    const root = word === '' ? mounts.unified : mounts.controllers.get(word);
    const cgroup = at === undefined ? undefined : ownPart(at, process);
    return root === undefined || cgroup === undefined ? undefined : path.join(root, cgroup);
  };
  const [cpuacct, memory, unified] = [own('cpuacct'), own('memory'), own('')];
  if (cpuacct !== undefined) {
    const nanos = await readNumber(path.join(cpuacct, 'cpuacct.usage'));
    if (nanos === undefined) return undefined;
    const usage = memory === undefined ? undefined : path.join(memory, 'memory.usage_in_bytes');
    const memoryBytes = usage === undefined ? 0 : ((await readNumber(usage)) ?? 0);
    return { cpuMicros: Math.floor(nanos / NANOS_OF_A_MICRO), memoryBytes };
  }
  if (unified === undefined) return undefined;
  const cpuMicros = await readField(path.join(unified, 'cpu.stat'), 'usage_usec');
  if (cpuMicros === undefined) return undefined;
  return { cpuMicros, memoryBytes: (await readNumber(path.join(unified, 'memory.current'))) ?? 0 };
}

/** Up to the name that has the container's id: what runs in it may have made others below. */
function ownPart(at: string, { container, lease }: CountedProcess): string | undefined {
  const parts = at.split('/');
  const isLent = parts.some((part) => part.includes(lease.replaceAll('-', '_')) || part === lease);
  const end = parts.findIndex((part) => part.includes(container));
  return isLent || end < 0 ? undefined : parts.slice(0, end + 1).join('/');
}

let known: CgroupMounts | undefined;

function hostMounts(): CgroupMounts {
  known ??= parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  return known;
}
