import { readFile } from 'node:fs/promises';
import path from 'node:path';

import type { LinuxRoots } from './block-tree.js';

export interface Mount {
  /** `major:minor` of the file system; btrfs and others give one of no disk. */
  readonly number: string;
  readonly mountpoint: string;
  readonly filesystem: string;
  /** Device that was given to mount. */
  readonly source: string;
}

/** What is mounted in this process's namespace (proc_pid_mountinfo(5)). */
export async function readMounts(roots: LinuxRoots): Promise<readonly Mount[]> {
  const text = await readFile(path.join(roots.proc, 'self/mountinfo'), 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , number, , mountpoint] = before.split(' ');
    const [filesystem, source] = after.split(' ');
    if (!number || !mountpoint || !filesystem || !source) return [];
    return [{ number, filesystem, mountpoint: unescaped(mountpoint), source: unescaped(source) }];
  });
}

/** Devices and files that serve as swap (proc_swaps(5)). */
export async function readSwaps(roots: LinuxRoots): Promise<readonly string[]> {
  const text = await readFile(path.join(roots.proc, 'swaps'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [device] = line.split(/\s+/);
      return device ? [unescaped(device)] : [];
    });
}

/** Space, tab, newline and backslash are written as octal escapes there. */
function unescaped(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCodePoint(Number.parseInt(octal, 8)),
  );
}
