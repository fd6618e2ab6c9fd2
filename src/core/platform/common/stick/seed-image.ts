/**
 * The built-in image: a small disk with one FAT16 partition labelled CIDATA. In a machine whose installed system has
 * cloud-init, it is found as a NoCloud seed. Made here byte by byte, so that the same program always makes the same image.
 */
const SECTOR_BYTES = 512;
const DISK_SECTORS = 32_768;
const PARTITION_START = 2_048;
const PARTITION_SECTORS = DISK_SECTORS - PARTITION_START;
const RESERVED_SECTORS = 1;
const FATS = 2;
const ROOT_ENTRIES = 512;
const CLUSTER_SECTORS = 4;
const MEDIA_FIXED = 0xf8;
/** Any number; the same in every seed, because two seeds differ in nothing. */
const VOLUME_SERIAL = 0x53594e01;
const PARTITION_TYPE_FAT16_LBA = 0x0e;

/** Clusters fit 16 bits and are more than 4084, so that every reader takes it for FAT16 (Microsoft FAT specification). */
const FAT_SECTORS = Math.ceil(((PARTITION_SECTORS / CLUSTER_SECTORS + 2) * 2) / SECTOR_BYTES);

export const SEED_BYTES = DISK_SECTORS * SECTOR_BYTES;

export function seedImage(): Buffer {
  const disk = Buffer.alloc(SEED_BYTES);
  writePartitionTable(disk.subarray(0, SECTOR_BYTES));
  const partition = disk.subarray(PARTITION_START * SECTOR_BYTES);
  writeBootSector(partition.subarray(0, SECTOR_BYTES));
  for (let fat = 0; fat < FATS; fat += 1) {
    const at = (RESERVED_SECTORS + fat * FAT_SECTORS) * SECTOR_BYTES;
    partition.writeUInt32LE(0xffffff00 + MEDIA_FIXED, at);
  }
  const root = (RESERVED_SECTORS + FATS * FAT_SECTORS) * SECTOR_BYTES;
  partition.write('CIDATA     ', root, 'latin1');
  partition.writeUInt8(0x08, root + 11);
  return disk;
}

function writePartitionTable(mbr: Buffer): void {
  mbr.writeUInt32LE(VOLUME_SERIAL, 440);
  const entry = mbr.subarray(446, 462);
  // Cylinder, head and sector are past use: all ones says so.
  entry.set([0x00, 0xfe, 0xff, 0xff, PARTITION_TYPE_FAT16_LBA, 0xfe, 0xff, 0xff]);
  entry.writeUInt32LE(PARTITION_START, 8);
  entry.writeUInt32LE(PARTITION_SECTORS, 12);
  mbr.writeUInt16LE(0xaa55, 510);
}

function writeBootSector(boot: Buffer): void {
  boot.set([0xeb, 0x3c, 0x90]);
  boot.write('SYNTROPY', 3, 'latin1');
  boot.writeUInt16LE(SECTOR_BYTES, 11);
  boot.writeUInt8(CLUSTER_SECTORS, 13);
  boot.writeUInt16LE(RESERVED_SECTORS, 14);
  boot.writeUInt8(FATS, 16);
  boot.writeUInt16LE(ROOT_ENTRIES, 17);
  boot.writeUInt16LE(PARTITION_SECTORS, 19);
  boot.writeUInt8(MEDIA_FIXED, 21);
  boot.writeUInt16LE(FAT_SECTORS, 22);
  boot.writeUInt16LE(63, 24);
  boot.writeUInt16LE(255, 26);
  boot.writeUInt32LE(PARTITION_START, 28);
  boot.writeUInt8(0x80, 36);
  boot.writeUInt8(0x29, 38);
  boot.writeUInt32LE(VOLUME_SERIAL, 39);
  boot.write('CIDATA     ', 43, 'latin1');
  boot.write('FAT16   ', 54, 'latin1');
  boot.writeUInt16LE(0xaa55, 510);
}
