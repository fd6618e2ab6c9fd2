import { readFileSync } from 'node:fs';
import path from 'node:path';

import type { LentMachine, RuntimeFacts } from '../../services/container/runtime.ports.js';

import { type CgroupMounts, parseCgroupMounts } from './cgroup-files.js';
import { LentMachineV1 } from './lent-machine-v1.js';
import { LentMachineV2 } from './lent-machine-v2.js';

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
const V1_CONTROLLERS = ['cpu', 'cpuacct', 'memory', 'pids'] as const;

/** What of an engine says how its containers' cgroups are named. */
export type CgroupFacts = Pick<RuntimeFacts, 'cgroup' | 'cgroupDriver'>;

/**
 * The part of this machine that is lent, as one cgroup of that name. Undefined where that cannot be done: another system than Linux, another user than
 * root, an engine without cgroups, or with controllers that are not there. Nothing holds the work to a cap then, and nothing but the engine's own limits.
 * @param name - of the cgroup at the root: lower case, one for each agent of a machine.
 */
export function hostLentMachine(name: string, facts: CgroupFacts): LentMachine | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  try {
    return lentMachineAt(
      name,
      facts,
      parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8')),
    );
  } catch {
    return undefined;
  }
}

/** With the trees in those places. */
export function lentMachineAt(
  name: string,
  { cgroup, cgroupDriver }: CgroupFacts,
  { unified, controllers }: CgroupMounts,
): LentMachine | undefined {
  if (!NAME.test(name)) return undefined;
  if (cgroup === 'v2') {
    if (unified === undefined || !hasControllers(unified)) return undefined;
    return new LentMachineV2(unified, name, cgroupDriver);
  }
  const [cpu, cpuacct, memory, pids] = V1_CONTROLLERS.map((word) => controllers.get(word));
  // systemd makes slices in version 1 by rules of its own, which put none of them under a cap.
  if (cgroup === 'none' || cgroupDriver === 'systemd') return undefined;
  if (!cpu || !cpuacct || !memory || !pids) return undefined;
  // An engine makes a container's cgroup in every tree, and with it its parents.
  const all = new Set([...controllers.values(), ...(unified === undefined ? [] : [unified])]);
  return new LentMachineV1({ cpu, cpuacct, memory, pids }, [...all], name);
}

function hasControllers(root: string): boolean {
  const there = new Set(
    readFileSync(path.join(root, 'cgroup.controllers'), 'utf8').trim().split(' '),
  );
  return ['cpu', 'memory', 'pids'].every((word) => there.has(word));
}
