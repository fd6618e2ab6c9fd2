import type { ImageFormat } from '../../../types/models/image.js';

/** How many bytes of a file its kind is read from. */
export const HEAD_BYTES = 512;

interface Signature {
  readonly at: number;
  readonly bytes: readonly number[];
}

const ascii = (text: string, at = 0): Signature => ({
  at,
  bytes: [...Buffer.from(text, 'latin1')],
});
const hex = (text: string, at = 0): Signature => ({ at, bytes: [...Buffer.from(text, 'hex')] });

const supported: readonly (readonly [Exclude<ImageFormat, 'raw'>, Signature])[] = [
  ['gz', hex('1f8b')],
  ['xz', hex('fd377a585a00')],
  ['zst', hex('28b52ffd')],
  ['bz2', ascii('BZh')],
  ['zip', hex('504b0304')],
  ['zip', hex('504b0506')],
  ['zip', hex('504b0708')],
];

/** What people do hold in their hands and would, taken for raw, be written as garbage. */
const known: readonly (readonly [string, Signature])[] = [
  ['lz4', hex('04224d18')],
  ['lz4 (legacy)', hex('02214c18')],
  ['lzip', ascii('LZIP')],
  ['lzop', hex('894c5a4f000d0a1a0a')],
  ['7z', hex('377abcaf271c')],
  ['rar', hex('526172211a07')],
  ['compress (.Z)', hex('1f9d')],
  ['tar', ascii('ustar', 257)],
  ['cabinet', ascii('MSCF')],
  ['qcow2', ascii('QFI\u00fb')],
  ['VMDK', ascii('KDMV')],
  ['VMDK', ascii('# Disk DescriptorFile')],
  ['VDI', hex('7f10dabe', 64)],
  ['VHDX', ascii('vhdxfile')],
  ['Android sparse', hex('3aff26ed')],
  ['VHD', ascii('conectix')],
  ['Mac disk image', ascii('encrcdsa')],
  ['cpio', ascii('070701')],
  ['cpio', ascii('070707')],
  ['ar', ascii('!<arch>\n')],
  ['wim', ascii('MSWIM')],
  ['snappy', hex('ff060000734e61507059')],
];

export type Kind =
  | { readonly kind: 'image'; readonly format: ImageFormat }
  | { readonly kind: 'unsupported'; readonly name: string };

/** Decides by the first bytes, never by the name. No known magic means raw. */
export function kindOf(head: Buffer): Kind {
  const format = supported.find(([, signature]) => matches(head, signature))?.[0];
  if (format) return { kind: 'image', format };
  if (isSkippableFrame(head)) return { kind: 'image', format: 'zst' };
  if (isLzmaAlone(head)) return { kind: 'unsupported', name: 'lzma' };
  const name = known.find(([, signature]) => matches(head, signature))?.[0];
  return name ? { kind: 'unsupported', name } : { kind: 'image', format: 'raw' };
}

/** Zstandard files may begin with frames that hold no data (RFC 8878 §3.1.2): magic 0x184D2A50 to 5F. */
export function isSkippableFrame(head: Buffer): boolean {
  return head.length >= 8 && (head.readUInt32LE(0) & 0xfffffff0) === 0x184d2a50;
}

function isPower(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}

/**
 * The old .lzma has no magic: its properties as every program sets them, a dictionary of a size that is a power of two (or half as
 * much again), and a size that is unknown or possible (xz's own test, liblzma alone_decoder.c).
 */
function isLzmaAlone(head: Buffer): boolean {
  if (head.length < 13 || head[0] !== 0x5d) return false;
  const dictionary = head.readUInt32LE(1);
  const fits = isPower(dictionary) || (dictionary % 3 === 0 && isPower(dictionary / 3));
  const size = head.readBigUInt64LE(5);
  return fits && dictionary >= 4096 && (size === 2n ** 64n - 1n || size < 2n ** 38n);
}

function matches(head: Buffer, { at, bytes }: Signature): boolean {
  return (
    head.length >= at + bytes.length && bytes.every((byte, index) => head[at + index] === byte)
  );
}
