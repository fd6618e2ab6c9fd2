/** Reads bytes of a disk or image; fewer than asked for at its end. */
export type ReadAt = (at: number, length: number) => Promise<Buffer>;

/** A FAT partition, or a FAT file system without a partition table. */
export interface FatVolume {
  /** Number of the partition, from 1; undefined without a table. */
  readonly partition: number | undefined;
  readonly offsetBytes: number;
  readonly label: string;
}

const SECTOR_BYTES = 512;
const MAX_PARTITIONS = 128;
const DIRECTORY_ENTRY_BYTES = 32;
const VOLUME_ID = 0x08;
const LONG_NAME = 0x0f;
const GPT_PROTECTIVE = 0xee;

/**
 * Finds the FAT volume with this label, in an MBR (with logical partitions left out), a GPT, or on the bare disk. The label
 * is compared without case: cloud-init takes CIDATA and cidata.
 */
export async function findFatVolume(read: ReadAt, label: string): Promise<FatVolume | undefined> {
  const candidates = [{ partition: undefined, offsetBytes: 0 }, ...(await partitions(read))];
  for (const { partition, offsetBytes } of candidates) {
    const found = await fatLabel(read, offsetBytes);
    if (found?.toUpperCase() === label.toUpperCase()) {
      return { partition, offsetBytes, label: found };
    }
  }
  return undefined;
}

interface Slot {
  readonly partition: number;
  readonly offsetBytes: number;
}

async function partitions(read: ReadAt): Promise<readonly Slot[]> {
  const mbr = await read(0, SECTOR_BYTES);
  if (mbr.length < SECTOR_BYTES || mbr.readUInt16LE(510) !== 0xaa55) return [];
  const entries = [0, 1, 2, 3].map((index) => mbr.subarray(446 + index * 16, 462 + index * 16));
  if (entries.some((entry) => entry[4] === GPT_PROTECTIVE)) return gptPartitions(read);
  return entries.flatMap((entry, index) =>
    entry[4] === 0
      ? []
      : [{ partition: index + 1, offsetBytes: entry.readUInt32LE(8) * SECTOR_BYTES }],
  );
}

/** GUID partition table with 512-byte sectors (UEFI specification §5.3). */
async function gptPartitions(read: ReadAt): Promise<readonly Slot[]> {
  const header = await read(SECTOR_BYTES, 92);
  if (header.length < 92 || header.toString('latin1', 0, 8) !== 'EFI PART') return [];
  const tableAt = Number(header.readBigUInt64LE(72)) * SECTOR_BYTES;
  const count = Math.min(header.readUInt32LE(80), MAX_PARTITIONS);
  const entryBytes = header.readUInt32LE(84);
  if (entryBytes < 128 || entryBytes > 4096) return [];
  const table = await read(tableAt, count * entryBytes);
  const slots: Slot[] = [];
  for (let index = 0; (index + 1) * entryBytes <= table.length; index += 1) {
    const entry = table.subarray(index * entryBytes, (index + 1) * entryBytes);
    if (entry.subarray(0, 16).every((byte) => byte === 0)) continue;
    const offsetBytes = Number(entry.readBigUInt64LE(32)) * SECTOR_BYTES;
    slots.push({ partition: index + 1, offsetBytes });
  }
  return slots;
}

/**
 * Label of a FAT file system: the volume entry of its root directory, else that of the boot sector (Microsoft FAT
 * specification 1.03). Undefined when it is none.
 */
async function fatLabel(read: ReadAt, at: number): Promise<string | undefined> {
  const boot = await read(at, SECTOR_BYTES);
  if (boot.length < SECTOR_BYTES || boot.readUInt16LE(510) !== 0xaa55) return undefined;
  const sectorBytes = boot.readUInt16LE(11);
  const clusterSectors = boot.readUInt8(13);
  const fats = boot.readUInt8(16);
  const plausible = [512, 1024, 2048, 4096].includes(sectorBytes) && clusterSectors > 0 && fats > 0;
  if (!plausible || !boot.toString('latin1', 54, 90).includes('FAT')) return undefined;
  const isFat32 = boot.readUInt16LE(22) === 0;
  const fatSectors = isFat32 ? boot.readUInt32LE(36) : boot.readUInt16LE(22);
  const dataStart = (boot.readUInt16LE(14) + fats * fatSectors) * sectorBytes;
  const rootBytes = isFat32
    ? clusterSectors * sectorBytes
    : boot.readUInt16LE(17) * DIRECTORY_ENTRY_BYTES;
  // In FAT32 the root directory is a chain; its volume entry is in the first cluster in all but made-up cases.
  const skip = isFat32 ? (boot.readUInt32LE(44) - 2) * clusterSectors * sectorBytes : 0;
  const root = await read(at + dataStart + skip, Math.min(rootBytes, 65_536));
  return volumeEntry(root) ?? boot.toString('latin1', isFat32 ? 71 : 43, isFat32 ? 82 : 54).trim();
}

function volumeEntry(root: Buffer): string | undefined {
  for (let at = 0; at + DIRECTORY_ENTRY_BYTES <= root.length; at += DIRECTORY_ENTRY_BYTES) {
    const first = root[at];
    const attributes = root[at + 11] ?? 0;
    if (first === 0) return undefined;
    if (first === 0xe5 || (attributes & LONG_NAME) === LONG_NAME) continue;
    if ((attributes & VOLUME_ID) !== 0) return root.toString('latin1', at, at + 11).trim();
  }
  return undefined;
}
