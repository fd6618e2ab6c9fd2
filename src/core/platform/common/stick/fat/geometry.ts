/** Where the parts of a FAT volume lie, in bytes from its start (Microsoft FAT specification 1.03, fatgen103). */
export interface FatGeometry {
  readonly bits: 12 | 16 | 32;
  readonly clusterBytes: number;
  /** Number of data clusters. The first has the number 2. */
  readonly clusters: number;
  readonly dataAt: number;
  /** Every copy of the table that is kept; the first of them is read. */
  readonly tablesAt: readonly number[];
  readonly tableBytes: number;
  /** FAT12 and FAT16 have their root directory at a fixed place, FAT32 in a chain of clusters. */
  readonly root:
    | { readonly kind: 'fixed'; readonly at: number; readonly bytes: number }
    | { readonly kind: 'chain'; readonly cluster: number };
  /** FSInfo sector of FAT32, with the count of free clusters. */
  readonly freeCountAt: number | undefined;
  /** Label in the boot sector; the one in the root directory goes before it. */
  readonly bootLabel: string;
}

export const BOOT_SECTOR_BYTES = 512;
export const FIRST_CLUSTER = 2;
const SIGNATURE = 0xaa55;
const EXTENDED_BOOT_SIGNATURE = 0x29;
const DIRECTORY_ENTRY_BYTES = 32;
const MAX_FAT12_CLUSTERS = 4_084;
const MIRRORING_OFF = 0x80;

/** Reads a boot sector; undefined when it is none of a FAT volume. Trusts nothing: what it says is checked to add up. */
export function parseBootSector(boot: Buffer): FatGeometry | undefined {
  if (boot.length < BOOT_SECTOR_BYTES || boot.readUInt16LE(510) !== SIGNATURE) return undefined;
  const sectorBytes = boot.readUInt16LE(11);
  const clusterSectors = boot.readUInt8(13);
  const reserved = boot.readUInt16LE(14);
  const tables = boot.readUInt8(16);
  const isFat32 = boot.readUInt16LE(22) === 0;
  const tableSectors = isFat32 ? boot.readUInt32LE(36) : boot.readUInt16LE(22);
  const sectors = boot.readUInt16LE(19) || boot.readUInt32LE(32);
  const plausible =
    [512, 1024, 2048, 4096].includes(sectorBytes) &&
    clusterSectors > 0 &&
    (clusterSectors & (clusterSectors - 1)) === 0 &&
    reserved > 0 &&
    tables > 0 &&
    tables <= 2 &&
    tableSectors > 0 &&
    boot.readUInt8(21) >= 0xf0;
  if (!plausible) return undefined;

  const rootBytes = boot.readUInt16LE(17) * DIRECTORY_ENTRY_BYTES;
  const rootSectors = Math.ceil(rootBytes / sectorBytes);
  const dataSector = reserved + tables * tableSectors + rootSectors;
  const clusters = Math.floor((sectors - dataSector) / clusterSectors);
  const tableBytes = tableSectors * sectorBytes;
  const bits = bitsOf(isFat32, clusters);
  if (clusters < 1 || ((clusters + FIRST_CLUSTER) * bits) / 8 > tableBytes) return undefined;
  const extended = boot.subarray(isFat32 ? 66 : 38);
  return {
    bits,
    clusters,
    tableBytes,
    clusterBytes: clusterSectors * sectorBytes,
    dataAt: dataSector * sectorBytes,
    tablesAt: keptTables(isFat32 ? boot.readUInt16LE(40) : 0, tables).map(
      (table) => (reserved + table * tableSectors) * sectorBytes,
    ),
    root: isFat32
      ? { kind: 'chain', cluster: boot.readUInt32LE(44) }
      : { kind: 'fixed', at: (reserved + tables * tableSectors) * sectorBytes, bytes: rootBytes },
    freeCountAt: isFat32 ? freeCountAt(boot.readUInt16LE(48), sectorBytes) : undefined,
    bootLabel:
      extended[0] === EXTENDED_BOOT_SIGNATURE ? extended.toString('latin1', 5, 16).trim() : '',
  };
}

/** The kind follows from the number of clusters alone, but for FAT32, which is told by its wider boot sector. */
function bitsOf(isFat32: boolean, clusters: number): 12 | 16 | 32 {
  if (isFat32) return 32;
  return clusters > MAX_FAT12_CLUSTERS ? 16 : 12;
}

/** All copies, but for a FAT32 volume that says that it keeps one only (BPB_ExtFlags). */
function keptTables(flags: number, tables: number): readonly number[] {
  if ((flags & MIRRORING_OFF) !== 0) return [flags & 0x0f];
  return Array.from({ length: tables }, (_, table) => table);
}

function freeCountAt(sector: number, sectorBytes: number): number | undefined {
  return sector === 0 || sector === 0xffff ? undefined : sector * sectorBytes;
}
