import { AppError } from '../../../types/errors/app-error.js';
import { type ReadAt } from './fat/disk.js';
import { FatVolume } from './fat/volume.js';

export type { ReadAt } from './fat/disk.js';

/** A FAT partition, or a FAT file system without a partition table. */
export interface FoundVolume {
  readonly offsetBytes: number;
  readonly label: string;
}

const SECTOR_BYTES = 512;
const MAX_PARTITIONS = 128;
const GPT_PROTECTIVE = 0xee;
const MBR_FAT_TYPES: ReadonlySet<number> = new Set([0x01, 0x04, 0x06, 0x0b, 0x0c, 0x0e, 0xef]);
/** EFI system and basic data partitions, as their bytes lie in the table. */
const GPT_FAT_TYPES: ReadonlySet<string> = new Set([
  '28732ac11ff8d211ba4b00a0c93ec93b',
  'a2a0d0ebe5b9334487c068b6b72699c7',
]);

/**
 * Finds the FAT volume with this label, in an MBR (with logical partitions left out), a GPT, or on the bare disk. The label
 * is compared without case: cloud-init takes CIDATA and cidata.
 */
export async function findFatVolume(read: ReadAt, label: string): Promise<FoundVolume | undefined> {
  const starts = (await readPartitions(read)).map((partition) => partition.offsetBytes);
  for (const offsetBytes of [0, ...starts]) {
    const found = await labelAt(read, offsetBytes);
    if (found?.toUpperCase() === label.toUpperCase()) return { offsetBytes, label: found };
  }
  return undefined;
}

/** A volume that is damaged has no label: other partitions are still looked at. */
async function labelAt(read: ReadAt, at: number): Promise<string | undefined> {
  try {
    const volume = await FatVolume.open({ read, write: neverWritten }, at);
    return await volume?.label();
  } catch (error) {
    if (error instanceof AppError && error.code === 'IMAGE_CORRUPT') return undefined;
    throw error;
  }
}

async function neverWritten(): Promise<void> {
  throw new AppError('INTERNAL', 'A volume that is only looked at was to be written.');
}

export interface Partition {
  readonly offsetBytes: number;
  /** Whether its type is one that FAT volumes are given. The label is looked for in the others too. */
  readonly isFatType: boolean;
}

/** The partitions of an MBR or a GPT, in the order of the table. */
export async function readPartitions(read: ReadAt): Promise<readonly Partition[]> {
  const mbr = await read(0, SECTOR_BYTES);
  if (mbr.length < SECTOR_BYTES || mbr.readUInt16LE(510) !== 0xaa55) return [];
  const entries = [0, 1, 2, 3].map((index) => mbr.subarray(446 + index * 16, 462 + index * 16));
  if (entries.some((entry) => entry[4] === GPT_PROTECTIVE)) return gptPartitions(read);
  return entries
    .filter((entry) => entry[4] !== 0)
    .map((entry) => ({
      offsetBytes: entry.readUInt32LE(8) * SECTOR_BYTES,
      isFatType: MBR_FAT_TYPES.has(entry[4] ?? 0),
    }));
}

/** GUID partition table with 512-byte sectors (UEFI specification §5.3). */
async function gptPartitions(read: ReadAt): Promise<readonly Partition[]> {
  const header = await read(SECTOR_BYTES, 92);
  if (header.length < 92 || header.toString('latin1', 0, 8) !== 'EFI PART') return [];
  const tableAt = Number(header.readBigUInt64LE(72)) * SECTOR_BYTES;
  const count = Math.min(header.readUInt32LE(80), MAX_PARTITIONS);
  const entryBytes = header.readUInt32LE(84);
  if (entryBytes < 128 || entryBytes > 4096) return [];
  const table = await read(tableAt, count * entryBytes);
  const found: Partition[] = [];
  for (let index = 0; (index + 1) * entryBytes <= table.length; index += 1) {
    const entry = table.subarray(index * entryBytes, (index + 1) * entryBytes);
    if (entry.subarray(0, 16).every((byte) => byte === 0)) continue;
    found.push({
      offsetBytes: Number(entry.readBigUInt64LE(32)) * SECTOR_BYTES,
      isFatType: GPT_FAT_TYPES.has(entry.toString('hex', 0, 16)),
    });
  }
  return found;
}
