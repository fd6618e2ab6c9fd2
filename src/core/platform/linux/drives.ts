import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import path from 'node:path';

import type { DriveLister } from '../../services/usb/usb.ports.js';
import type { Drive, DriveLookup, DrivePartition, DriveUse } from '../../types/models/drive.js';

import { type BlockDevice, type LinuxRoots, linuxRoots, readBlockDevices } from './block-tree.js';
import { type Mount, readMounts, readSwaps } from './mounts.js';

/** Mountpoints without which the running system is not itself. */
const SYSTEM_MOUNTS = /^\/($|boot($|\/)|efi$|usr($|\/)|var($|\/lib$)|home$|nix($|\/)|etc$)/;
/** Not drives that a person could mean. */
const NEVER_DRIVES = /^(ram|zram|sr|fd|dm-|md|nbd|mtdblock)\d*/;

interface Machine {
  readonly roots: LinuxRoots;
  readonly devices: ReadonlyMap<string, BlockDevice>;
  readonly mounts: readonly Mount[];
  /** Names of devices that serve as swap. */
  readonly swaps: ReadonlySet<string>;
  /** by-id names by device name. */
  readonly byId: ReadonlyMap<string, string>;
}

/** Drives from sysfs, procfs and udev's database: nothing is opened, no program is run. */
export function createLinuxDriveLister(roots: LinuxRoots = linuxRoots): DriveLister {
  const list = async (): Promise<readonly Drive[]> => {
    const machine = await readMachine(roots);
    const disks = [...machine.devices.values()].filter(isDrive);
    const drives = await Promise.all(disks.map((disk) => describe(machine, disk)));
    return drives.toSorted((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true }));
  };
  return {
    list,
    async lookup(asked): Promise<DriveLookup> {
      const resolved = await realpath(asked).catch(() => undefined);
      if (resolved === undefined) return { kind: 'missing' };
      const stats = await stat(resolved);
      if (!stats.isBlockDevice()) return { kind: 'not-block' };
      const number = deviceNumber(stats.rdev);
      const machine = await readMachine(roots);
      const device = [...machine.devices.values()].find((entry) => entry.number === number);
      if (!device) return { kind: 'missing' };
      if (device.partOf !== undefined) {
        return { kind: 'partition', ofPath: path.join(roots.dev, device.partOf) };
      }
      return { kind: 'drive', drive: { ...(await describe(machine, device)), path: resolved } };
    },
  };
}

/** `major:minor` of a device number as glibc packs it (makedev(3)). */
export function deviceNumber(rdev: number): string {
  const wide = BigInt(rdev);
  const major = ((wide >> 8n) & 0xfffn) | ((wide >> 32n) & ~0xfffn);
  const minor = (wide & 0xffn) | ((wide >> 12n) & ~0xffn);
  return `${major}:${minor}`;
}

function isDrive(device: BlockDevice): boolean {
  if (device.partOf !== undefined || NEVER_DRIVES.test(device.name)) return false;
  return !device.name.startsWith('loop') || device.backingFile !== undefined;
}

async function readMachine(roots: LinuxRoots): Promise<Machine> {
  const devices = await readBlockDevices(roots);
  const swapPaths = await readSwaps(roots);
  return {
    roots,
    devices,
    mounts: await readMounts(roots),
    swaps: new Set(swapPaths.map((swap) => path.relative(roots.dev, swap))),
    byId: await readById(roots),
  };
}

async function readById(roots: LinuxRoots): Promise<ReadonlyMap<string, string>> {
  const directory = path.join(roots.dev, 'disk/by-id');
  const links = (await readdir(directory).catch((): string[] => [])).toSorted((a, b) =>
    a < b ? -1 : 1,
  );
  const found = new Map<string, string>();
  for (const link of links) {
    const target = await readlink(path.join(directory, link)).catch(() => '');
    const name = path.basename(target);
    // The first in order is kept; names by world-wide number say less than those by model and serial.
    if (!found.has(name) || found.get(name)?.startsWith('wwn-')) found.set(name, link);
  }
  return found;
}

async function describe(machine: Machine, disk: BlockDevice): Promise<Drive> {
  const parts = [...machine.devices.values()].filter((device) => device.partOf === disk.name);
  const properties = await udevProperties(machine.roots, disk);
  const serial = properties.get('ID_SERIAL_SHORT') ?? disk.serial;
  const model = disk.model ?? properties.get('ID_MODEL')?.replaceAll('_', ' ');
  const byId = machine.byId.get(disk.name);
  const whole = await describePartition(machine, disk);
  const shown = await Promise.all(parts.map((part) => describePartition(machine, part)));
  const usesWhole = whole.mountpoints.length > 0 || whole.filesystem !== undefined;
  return {
    path: path.join(machine.roots.dev, disk.name),
    sizeBytes: disk.sizeBytes,
    logicalBlockBytes: disk.logicalBlockBytes,
    removable: disk.removable || isRemovableBus(disk),
    readOnly: disk.readOnly,
    transport: transportOf(disk),
    uses: usesOf(machine, disk, parts),
    partitions: usesWhole && parts.length === 0 ? [whole] : shown,
    ...(serial === undefined ? {} : { serial }),
    ...(byId === undefined ? {} : { byId }),
    ...(model === undefined ? {} : { model }),
    ...(disk.vendor === undefined ? {} : { vendor: disk.vendor }),
  };
}

async function describePartition(machine: Machine, device: BlockDevice): Promise<DrivePartition> {
  const properties = await udevProperties(machine.roots, device);
  const label = properties.get('ID_FS_LABEL') ?? properties.get('ID_PART_ENTRY_NAME');
  const mounts = mountsOf(machine, device);
  const filesystem = properties.get('ID_FS_TYPE') ?? mounts[0]?.filesystem;
  return {
    path: path.join(machine.roots.dev, device.name),
    sizeBytes: device.sizeBytes,
    mountpoints: mounts.map((mount) => mount.mountpoint),
    ...(label === undefined ? {} : { label }),
    ...(filesystem === undefined ? {} : { filesystem }),
  };
}

/** By number, and by source for file systems (btrfs, zfs) that show a number of no disk. */
function mountsOf(machine: Machine, device: BlockDevice): readonly Mount[] {
  const source = path.join(machine.roots.dev, device.name);
  return machine.mounts.filter(
    (mount) => mount.number === device.number || mount.source === source,
  );
}

/** What the host does with a disk: with it, its partitions, and everything that is built on them. */
function usesOf(
  machine: Machine,
  disk: BlockDevice,
  parts: readonly BlockDevice[],
): readonly DriveUse[] {
  const uses = new Set<DriveUse>();
  const own = [disk, ...parts];
  for (const device of [...own, ...builtOn(machine, own)]) {
    const mountpoints = mountsOf(machine, device).map((mount) => mount.mountpoint);
    if (mountpoints.length > 0) uses.add('mounted');
    if (mountpoints.some((mountpoint) => SYSTEM_MOUNTS.test(mountpoint))) uses.add('system');
    if (machine.swaps.has(device.name)) uses.add('swap');
  }
  for (const holder of own.flatMap((device) => device.holders)) {
    if (holder.startsWith('md')) uses.add('raid');
    else uses.add(holder.startsWith('dm-') ? 'lvm' : 'holder');
  }
  return [...uses];
}

function builtOn(machine: Machine, devices: readonly BlockDevice[]): readonly BlockDevice[] {
  const found = new Map<string, BlockDevice>();
  const queue = devices.flatMap((device) => device.holders);
  for (const name of queue) {
    const device = machine.devices.get(name);
    if (!device || found.has(name)) continue;
    found.set(name, device);
    const parts = [...machine.devices.values()].filter((part) => part.partOf === name);
    queue.push(...device.holders, ...parts.map((part) => part.name));
  }
  return [...found.values()];
}

/** USB disks and card readers often say that they are fixed; nobody has them inside the machine. */
function isRemovableBus(disk: BlockDevice): boolean {
  const transport = transportOf(disk);
  return transport === 'usb' || transport === 'firewire' || (transport === 'mmc' && disk.removable);
}

function transportOf(disk: BlockDevice): string {
  const { devicePath, name } = disk;
  if (name.startsWith('loop')) return 'loop';
  if (/\/usb\d/.test(devicePath)) return 'usb';
  if (devicePath.includes('/fw')) return 'firewire';
  if (name.startsWith('nvme')) return 'nvme';
  if (name.startsWith('mmcblk')) return 'mmc';
  if (devicePath.includes('/virtio')) return 'virtio';
  return /\/ata\d/.test(devicePath) ? 'sata' : 'other';
}

/** udev's database: lines such as `E:ID_FS_LABEL=CIDATA` (not an interface by contract, but what lsblk reads too). */
async function udevProperties(
  roots: LinuxRoots,
  device: BlockDevice,
): Promise<ReadonlyMap<string, string>> {
  const file = path.join(roots.udev, `b${device.number}`);
  const text = await readFile(file, 'utf8').catch(() => '');
  return new Map(
    text.split('\n').flatMap((line): [string, string][] => {
      const match = /^E:([A-Z0-9_]+)=(.*)$/.exec(line);
      return match?.[1] === undefined || match[2] === undefined ? [] : [[match[1], match[2]]];
    }),
  );
}
