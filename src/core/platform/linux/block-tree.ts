import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';

/** Where the kernel and udev tell about disks. Configurable so that a test can plant a machine. */
export interface LinuxRoots {
  readonly sys: string;
  readonly dev: string;
  readonly proc: string;
  readonly udev: string;
}

export const linuxRoots: LinuxRoots = {
  sys: '/sys',
  dev: '/dev',
  proc: '/proc',
  udev: '/run/udev/data',
};

/** A block device as /sys/class/block has it: a whole disk or a partition. */
export interface BlockDevice {
  readonly name: string;
  /** `major:minor`. */
  readonly number: string;
  /** Name of the disk that this is a partition of. */
  readonly partOf?: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly removable: boolean;
  readonly logicalBlockBytes: number;
  /** Devices built on this one (device mapper, md, bcache). */
  readonly holders: readonly string[];
  /** Devices that this one is built on. */
  readonly slaves: readonly string[];
  /** Resolved path under /sys/devices, which names the bus. */
  readonly devicePath: string;
  readonly model?: string;
  readonly vendor?: string;
  readonly serial?: string;
  /** File behind a loop device. */
  readonly backingFile?: string;
}

/** /sys sizes are in units of 512 bytes, whatever the block size (Documentation/ABI/stable/sysfs-block). */
const SECTOR_BYTES = 512;

/** Every block device, by name. Devices that vanish while they are read are left out. */
export async function readBlockDevices(
  roots: LinuxRoots,
): Promise<ReadonlyMap<string, BlockDevice>> {
  const names = await readdir(path.join(roots.sys, 'class/block')).catch(() => []);
  const devices = await Promise.all(names.map((name) => readBlockDevice(roots, name)));
  return new Map(devices.flatMap((device) => (device ? [[device.name, device]] : [])));
}

async function readBlockDevice(roots: LinuxRoots, name: string): Promise<BlockDevice | undefined> {
  const at = path.join(roots.sys, 'class/block', name);
  const number = await text(at, 'dev');
  if (number === undefined) return undefined;
  const isPartition = (await text(at, 'partition')) !== undefined;
  const devicePath = await readlink(at).catch(() => '');
  const partOf = isPartition ? path.basename(path.dirname(devicePath)) : undefined;
  const disk = partOf === undefined ? at : path.join(roots.sys, 'class/block', partOf);
  const model = await text(at, 'device/model');
  const vendor = await text(at, 'device/vendor');
  const serial = (await text(at, 'device/serial')) ?? (await text(at, 'serial'));
  const backingFile = await text(at, 'loop/backing_file');
  return {
    name: name.replaceAll('!', '/'),
    number,
    ...(partOf === undefined ? {} : { partOf }),
    sizeBytes: Number((await text(at, 'size')) ?? 0) * SECTOR_BYTES,
    readOnly: (await text(at, 'ro')) === '1',
    removable: (await text(disk, 'removable')) === '1',
    logicalBlockBytes: Number((await text(disk, 'queue/logical_block_size')) ?? SECTOR_BYTES),
    holders: await entries(at, 'holders'),
    slaves: await entries(at, 'slaves'),
    devicePath,
    ...(model ? { model } : {}),
    ...(vendor ? { vendor } : {}),
    ...(serial ? { serial } : {}),
    ...(backingFile ? { backingFile } : {}),
  };
}

async function text(directory: string, file: string): Promise<string | undefined> {
  return readFile(path.join(directory, file), 'utf8').then(
    (content) => content.trim(),
    () => undefined,
  );
}

async function entries(directory: string, folder: string): Promise<readonly string[]> {
  return readdir(path.join(directory, folder)).catch(() => []);
}
