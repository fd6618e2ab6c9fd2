import { AppError } from '../../../../types/errors/app-error.js';

export const ENTRY_BYTES = 32;
export const LONG_NAME = 0x0f;
const LAST_LONG_ENTRY = 0x40;
const CHARS_PER_ENTRY = 13;
/** Where the 13 characters of a long-name entry lie, two bytes each. */
const CHAR_PLACES = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30] as const;
const MAX_NAME_CHARS = 255;
/** A name that 8.3 holds as it is. */
const SHORT = /^[A-Z0-9_~!#$%&'()@^`{}-]{1,8}(\.[A-Z0-9_~!#$%&'()@^`{}-]{1,3})?$/;
/** Printable ASCII without what FAT forbids in names. */
const ALLOWED = /^[ !#-)+-.0-9;=@A-Z[\]^_`a-z{}~]+$/;
const LOWER_BASE = 0x08;
const LOWER_EXTENSION = 0x10;

/** @throws {AppError} INPUT_INVALID for what FAT cannot hold; ours are plain ASCII. */
export function requireName(name: string): void {
  const fine = ALLOWED.test(name) && name.length <= MAX_NAME_CHARS && !/^\.+$|[. ]$/.test(name);
  if (fine) return;
  throw new AppError('INPUT_INVALID', 'A file has a name that FAT cannot hold.', { name });
}

/** Names are equal without regard to case. */
export function sameName(one: string, other: string): boolean {
  return one.toUpperCase() === other.toUpperCase();
}

/**
 * The directory entries that carry a name: long-name entries, last first, then the room of the 8.3 entry with its eleven
 * characters set. `taken` has the 8.3 names of the folder.
 */
export function entriesFor(name: string, taken: ReadonlySet<string>): Buffer {
  const short = SHORT.test(name) ? packed(name) : freeShortName(name, taken);
  const entry = Buffer.alloc(ENTRY_BYTES);
  entry.write(short, 0, 'latin1');
  return short === packedIfShort(name)
    ? entry
    : Buffer.concat([...longEntries(name, checksum(entry)), entry]);
}

function packedIfShort(name: string): string | undefined {
  return SHORT.test(name) ? packed(name) : undefined;
}

function packed(name: string): string {
  const [base = '', extension = ''] = name.split('.');
  return base.padEnd(8) + extension.padEnd(3);
}

/** Six characters, `~` and a number, as every maker of 8.3 names has it. */
function freeShortName(name: string, taken: ReadonlySet<string>): string {
  const dot = name.lastIndexOf('.');
  const stem = dot > 0 ? name.slice(0, dot) : name;
  const base = cleaned(stem) || '_';
  const extension = dot > 0 ? cleaned(name.slice(dot + 1)).slice(0, 3) : '';
  for (let number = 1; number < 1_000_000; number += 1) {
    const tail = `~${number}`;
    const short = (base.slice(0, 8 - tail.length) + tail).padEnd(8) + extension.padEnd(3);
    if (!taken.has(short)) return short;
  }
  throw new AppError('DISK_FULL', 'A folder of the image holds too many files.', { name });
}

function cleaned(text: string): string {
  return text.toUpperCase().replaceAll(/[^A-Z0-9_-]/g, '');
}

function longEntries(name: string, sum: number): readonly Buffer[] {
  const count = Math.ceil(name.length / CHARS_PER_ENTRY);
  return Array.from({ length: count }, (_, index) => {
    const number = count - index;
    const entry = Buffer.alloc(ENTRY_BYTES);
    entry.writeUInt8(number | (index === 0 ? LAST_LONG_ENTRY : 0), 0);
    entry.writeUInt8(LONG_NAME, 11);
    entry.writeUInt8(sum, 13);
    for (const [offset, place] of CHAR_PLACES.entries()) {
      entry.writeUInt16LE(charAt(name, (number - 1) * CHARS_PER_ENTRY + offset), place);
    }
    return entry;
  });
}

/** After the name comes one zero, then all ones. */
function charAt(name: string, index: number): number {
  if (index < name.length) return name.charCodeAt(index);
  return index === name.length ? 0 : 0xffff;
}

/** Ties long-name entries to their 8.3 entry. */
export function checksum(shortEntry: Buffer): number {
  let sum = 0;
  for (const byte of shortEntry.subarray(0, 11)) {
    sum = ((sum & 1) << 7) + (sum >> 1) + byte;
    sum &= 0xff;
  }
  return sum;
}

/** The name that a run of long-name entries spells; undefined when they do not belong to this 8.3 entry. */
export function longName(entries: readonly Buffer[], shortEntry: Buffer): string | undefined {
  const sum = checksum(shortEntry);
  const count = entries.length;
  const fits = entries.every(
    (entry, index) => entry[13] === sum && ((entry[0] ?? 0) & 0x3f) === count - index,
  );
  if (count === 0 || !fits || ((entries[0]?.[0] ?? 0) & LAST_LONG_ENTRY) === 0) return undefined;
  const chars = entries
    .toReversed()
    .flatMap((entry) => CHAR_PLACES.map((place) => entry.readUInt16LE(place)));
  const end = chars.indexOf(0);
  return String.fromCharCode(...(end < 0 ? chars : chars.slice(0, end)));
}

/** The 8.3 name, in the case that Windows NT notes in a reserved byte. */
export function shortName(entry: Buffer): string {
  const flags = entry[12] ?? 0;
  const base = entry.toString('latin1', 0, 8).trimEnd();
  const extension = entry.toString('latin1', 8, 11).trimEnd();
  const shownBase = (flags & LOWER_BASE) === 0 ? base : base.toLowerCase();
  const shownExtension = (flags & LOWER_EXTENSION) === 0 ? extension : extension.toLowerCase();
  return extension === '' ? shownBase : `${shownBase}.${shownExtension}`;
}
