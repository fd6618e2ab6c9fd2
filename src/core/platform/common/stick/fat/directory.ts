import { ENTRY_BYTES, LONG_NAME, longName, sameName, shortName } from './names.js';

const END = 0x00;
const DELETED = 0xe5;
export const VOLUME_LABEL = 0x08;
export const FOLDER = 0x10;
export const FILE = 0x20;

/** One file or folder of a directory. */
export interface FatEntry {
  readonly name: string;
  readonly isFolder: boolean;
  readonly firstCluster: number;
  readonly sizeBytes: number;
  /** Where its 8.3 entry lies in the directory. */
  readonly at: number;
}

/** What a directory's bytes say. Pure: whoever reads and writes them is elsewhere. */
export class Directory {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  find(name: string): FatEntry | undefined {
    return this.#entries().find((entry) => sameName(entry.name, name));
  }

  /** Label of the volume, when this is its root. */
  label(): string | undefined {
    for (const { at, attributes } of this.#slots()) {
      if (attributes !== LONG_NAME && (attributes & VOLUME_LABEL) !== 0) {
        return this.bytes.toString('latin1', at, at + 11).trimEnd();
      }
    }
    return undefined;
  }

  /** The 8.3 names that are taken, eleven characters each. */
  shortNames(): ReadonlySet<string> {
    return new Set(this.#slots().map(({ at }) => this.bytes.toString('latin1', at, at + 11)));
  }

  /** First of `count` free entries in a row; undefined when the directory has to grow. */
  findRoom(count: number): number | undefined {
    let run = 0;
    let ended = false;
    for (let at = 0; at < this.bytes.length; at += ENTRY_BYTES) {
      ended ||= this.bytes[at] === END;
      run = ended || this.bytes[at] === DELETED ? run + 1 : 0;
      if (run === count) return at - (count - 1) * ENTRY_BYTES;
    }
    return undefined;
  }

  /** Sets entries at a place that `findRoom` gave, and keeps the end where it was the end. Answers how far it wrote. */
  insert(at: number, entries: Buffer): number {
    const end = at + entries.length;
    const endedBefore = this.#endAt() < end;
    entries.copy(this.bytes, at);
    if (!endedBefore || end >= this.bytes.length) return end;
    this.bytes.writeUInt8(END, end);
    return end + ENTRY_BYTES;
  }

  #endAt(): number {
    for (let at = 0; at < this.bytes.length; at += ENTRY_BYTES) {
      if (this.bytes[at] === END) return at;
    }
    return this.bytes.length;
  }

  #slots(): readonly { readonly at: number; readonly attributes: number }[] {
    const slots = [];
    const end = this.#endAt();
    for (let at = 0; at + ENTRY_BYTES <= end; at += ENTRY_BYTES) {
      if (this.bytes[at] !== DELETED) slots.push({ at, attributes: this.bytes[at + 11] ?? 0 });
    }
    return slots;
  }

  #entries(): readonly FatEntry[] {
    const found: FatEntry[] = [];
    let long: Buffer[] = [];
    for (const { at, attributes } of this.#slots()) {
      const entry = this.bytes.subarray(at, at + ENTRY_BYTES);
      if ((attributes & 0x3f) === LONG_NAME) {
        long.push(entry);
        continue;
      }
      if ((attributes & VOLUME_LABEL) === 0) {
        found.push({
          name: longName(long, entry) ?? shortName(entry),
          isFolder: (attributes & FOLDER) !== 0,
          firstCluster: firstClusterOf(entry),
          sizeBytes: entry.readUInt32LE(28),
          at,
        });
      }
      long = [];
    }
    return found;
  }
}

/** On FAT12 and FAT16 the high half is zero. */
function firstClusterOf(entry: Buffer): number {
  return entry.readUInt16LE(20) * 0x10000 + entry.readUInt16LE(26);
}

/** Fills the parts of an 8.3 entry that say what it is, where it lies and when it was written. */
export function describeEntry(
  entry: Buffer,
  what: { attributes: number; firstCluster: number; sizeBytes: number; at: Date },
): void {
  const { date, time } = fatTime(what.at);
  entry.writeUInt8(what.attributes, 11);
  entry.writeUInt16LE(time, 14);
  entry.writeUInt16LE(date, 16);
  entry.writeUInt16LE(date, 18);
  entry.writeUInt16LE(Math.floor(what.firstCluster / 0x10000), 20);
  entry.writeUInt16LE(time, 22);
  entry.writeUInt16LE(date, 24);
  entry.writeUInt16LE(what.firstCluster % 0x10000, 26);
  entry.writeUInt32LE(what.sizeBytes, 28);
}

/** FAT counts from 1980 in steps of two seconds and knows no time zone; ours are UTC. */
function fatTime(at: Date): { date: number; time: number } {
  const year = Math.max(0, at.getUTCFullYear() - 1980);
  return {
    date: (year << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
  };
}
