import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import path from 'node:path';

import { waitFor } from './wait-for.js';

/** Processes that have a folder of the test's own in their command line: nobody else's have. */
export function processesOf(folder: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => commandLine(pid).includes(folder))
    .map(Number);
}

/** Ends them, and waits until they are gone. */
export async function endAll(folder: string): Promise<void> {
  await waitFor(`the processes of ${folder} to end`, () => {
    const left = processesOf(folder);
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended meanwhile.
      }
    }
    return left.length === 0;
  });
}

/** What is mounted under the folder, and its like in other places whose source is there, is unmounted; the last first. */
export function unmountAll(folder: string): void {
  for (const mountpoint of mountsUnder(folder).toReversed()) {
    try {
      execFileSync('umount', ['-l', mountpoint], { stdio: 'pipe' });
    } catch {
      // It went with another one.
    }
  }
}

export function mountsUnder(folder: string): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((mountpoint) => mountpoint.startsWith(folder));
}

/** In every hierarchy, with what runs in them. */
export async function removeCgroups(name: string): Promise<void> {
  for (const root of cgroupRoots()) {
    const cgroup = path.join(root, name);
    if (!existsSync(cgroup)) continue;
    await waitFor(`cgroup ${cgroup} to go`, () => {
      for (const directory of tree(cgroup)) {
        for (const pid of pidsIn(directory)) {
          try {
            process.kill(pid, 'SIGKILL');
          } catch {
            // It has ended meanwhile.
          }
        }
        try {
          rmdirSync(directory);
        } catch {
          // Something is in it still.
        }
      }
      return !existsSync(cgroup);
    });
  }
}

/** Where that cgroup is there, over all hierarchies. */
export function cgroupsLeft(name: string): readonly string[] {
  return cgroupRoots()
    .map((root) => path.join(root, name))
    .filter((cgroup) => existsSync(cgroup));
}

function cgroupRoots(): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4] ?? '');
}

/** The deepest first. */
function tree(cgroup: string): readonly string[] {
  if (!existsSync(cgroup)) return [];
  const below = readdirSync(cgroup, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => tree(path.join(cgroup, entry.name)));
  return [...below, cgroup];
}

function pidsIn(cgroup: string): readonly number[] {
  try {
    return readFileSync(path.join(cgroup, 'cgroup.procs'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map(Number)
      .filter((pid) => pid > 0);
  } catch {
    return [];
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
