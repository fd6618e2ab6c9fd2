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

/**
 * Finds the FAT volume with this label, in an MBR (with logical partitions left out), a GPT, or on the bare disk. The label
 * is compared without case: cloud-init takes CIDATA and cidata.
 */
export async function findFatVolume(read: ReadAt, label: string): Promise<FoundVolume | undefined> {
  for (const offsetBytes of [0, ...(await partitionStarts(read))]) {
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

async function partitionStarts(read: ReadAt): Promise<readonly number[]> {
  const mbr = await read(0, SECTOR_BYTES);
  if (mbr.length < SECTOR_BYTES || mbr.readUInt16LE(510) !== 0xaa55) return [];
  const entries = [0, 1, 2, 3].map((index) => mbr.subarray(446 + index * 16, 462 + index * 16));
  if (entries.some((entry) => entry[4] === GPT_PROTECTIVE)) return gptStarts(read);
  return entries
    .filter((entry) => entry[4] !== 0)
    .map((entry) => entry.readUInt32LE(8) * SECTOR_BYTES);
}

/** GUID partition table with 512-byte sectors (UEFI specification §5.3). */
async function gptStarts(read: ReadAt): Promise<readonly number[]> {
  const header = await read(SECTOR_BYTES, 92);
  if (header.length < 92 || header.toString('latin1', 0, 8) !== 'EFI PART') return [];
  const tableAt = Number(header.readBigUInt64LE(72)) * SECTOR_BYTES;
  const count = Math.min(header.readUInt32LE(80), MAX_PARTITIONS);
  const entryBytes = header.readUInt32LE(84);
  if (entryBytes < 128 || entryBytes > 4096) return [];
  const table = await read(tableAt, count * entryBytes);
  const starts: number[] = [];
  for (let index = 0; (index + 1) * entryBytes <= table.length; index += 1) {
    const entry = table.subarray(index * entryBytes, (index + 1) * entryBytes);
    if (entry.subarray(0, 16).every((byte) => byte === 0)) continue;
    starts.push(Number(entry.readBigUInt64LE(32)) * SECTOR_BYTES);
  }
  return starts;
}
