import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import type { LinuxRoots } from '../../src/core/platform/linux/block-tree.js';

interface FakeDisk {
  readonly name: string;
  /** `major:minor`. */
  readonly number: string;
  /** Folder under /sys/devices, which names the bus. */
  readonly bus: string;
  readonly sectors?: number;
  readonly removable?: boolean;
  readonly readOnly?: boolean;
  readonly model?: string;
  readonly serial?: string;
  readonly holders?: readonly string[];
  readonly backingFile?: string;
  readonly partitions?: readonly {
    readonly name: string;
    readonly number: string;
    readonly holders?: readonly string[];
    readonly udev?: Readonly<Record<string, string>>;
  }[];
}

export interface FakeMachine {
  readonly disks: readonly FakeDisk[];
  /** Lines of /proc/self/mountinfo after the two leading ids: `major:minor root mountpoint … - type source`. */
  readonly mounts?: readonly {
    number: string;
    mountpoint: string;
    type?: string;
    source?: string;
  }[];
  readonly swaps?: readonly string[];
  readonly byId?: Readonly<Record<string, string>>;
}

/** A machine's /sys, /proc and /dev as the kernel and udev would show them, planted in a folder. */
export async function fakeMachine(
  machine: FakeMachine,
): Promise<AsyncDisposable & { roots: LinuxRoots }> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'syntropy-machine-'));
  const roots: LinuxRoots = {
    sys: path.join(root, 'sys'),
    dev: path.join(root, 'dev'),
    proc: path.join(root, 'proc'),
    udev: path.join(root, 'udev'),
  };
  for (const disk of machine.disks) await plantDisk(roots, disk);
  const mounts = (machine.mounts ?? []).map(
    ({ number, mountpoint, type = 'ext4', source = 'none' }, index) =>
      `${index + 20} 1 ${number} / ${mountpoint.replaceAll(' ', '\\040')} rw - ${type} ${source} rw`,
  );
  await put(path.join(roots.proc, 'self/mountinfo'), mounts.join('\n'));
  const swaps = (machine.swaps ?? []).map(
    (name) => `${path.join(roots.dev, name)} partition 1 0 -2`,
  );
  await put(
    path.join(roots.proc, 'swaps'),
    ['Filename Type Size Used Priority', ...swaps].join('\n'),
  );
  for (const [link, target] of Object.entries(machine.byId ?? {})) {
    await mkdir(path.join(roots.dev, 'disk/by-id'), { recursive: true });
    await symlink(`../../${target}`, path.join(roots.dev, 'disk/by-id', link));
  }
  return { roots, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}

async function plantDisk(roots: LinuxRoots, disk: FakeDisk): Promise<void> {
  const home = path.join(roots.sys, 'devices', disk.bus, 'block', disk.name);
  const link = async (name: string, target: string) => {
    await mkdir(path.join(roots.sys, 'class/block'), { recursive: true });
    const at = path.join(roots.sys, 'class/block', name);
    await symlink(path.relative(path.dirname(at), target), at);
  };
  const facts: Record<string, string | undefined> = {
    dev: disk.number,
    size: String(disk.sectors ?? 2048),
    ro: disk.readOnly ? '1' : '0',
    removable: disk.removable ? '1' : '0',
    'queue/logical_block_size': '512',
    'device/model': disk.model,
    'device/serial': disk.serial,
    'loop/backing_file': disk.backingFile,
  };
  for (const [file, text] of Object.entries(facts)) {
    if (text !== undefined) await put(path.join(home, file), text);
  }
  for (const holder of disk.holders ?? [])
    await mkdir(path.join(home, 'holders', holder), { recursive: true });
  await link(disk.name, home);
  for (const part of disk.partitions ?? []) {
    const at = path.join(home, part.name);
    await put(path.join(at, 'dev'), part.number);
    await put(path.join(at, 'partition'), '1');
    await put(path.join(at, 'size'), '1024');
    for (const holder of part.holders ?? [])
      await mkdir(path.join(at, 'holders', holder), { recursive: true });
    await link(part.name, at);
    const lines = Object.entries(part.udev ?? {}).map(([key, value]) => `E:${key}=${value}`);
    await put(path.join(roots.udev, `b${part.number}`), lines.join('\n'));
  }
}

async function put(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `${text}\n`);
}
