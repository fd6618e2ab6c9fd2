import type { FileHandle } from 'node:fs/promises';

import type { ImageFormat } from '../../../types/models/image.js';

import { isSkippableFrame } from './magic.js';

/** Streams of one file that are looked at: beyond it, the size counts as not stated. */
const MAX_STREAMS = 10_000;
/** An index of more than this is not read: it is no image that anybody makes. */
const MAX_INDEX_BYTES = 64 << 20;

/**
 * Size of the image in a file, where the file states it. gz states it modulo 4 GiB and bz2 not at all, so theirs is unknown.
 * @throws {AppError} what a zip file is refused for.
 */
export async function statedSize(
  file: FileHandle,
  fileBytes: number,
  format: ImageFormat,
): Promise<number | undefined> {
  switch (format) {
    case 'raw':
      return fileBytes;
    case 'xz':
      return xzSize(file, fileBytes);
    case 'zst':
      return zstSize(file, fileBytes);
    case 'zip': {
      const { findZipEntry } = await import('./zip.js');
      return (await findZipEntry(file, fileBytes)).uncompressedSize;
    }
    default:
      return undefined;
  }
}

/**
 * Unpacked size of an .xz file, from the indexes at its end (https://tukaani.org/xz/xz-file-format.txt §2.1.2, §4).
 * Undefined when they do not add up; unpacking then finds the damage.
 */
async function xzSize(file: FileHandle, fileBytes: number): Promise<number | undefined> {
  let end = fileBytes;
  let total = 0;
  for (let streams = 0; streams < MAX_STREAMS && end > 0; streams += 1) {
    end = await skipPadding(file, end);
    const stream = await xzStream(file, end);
    if (!stream) return undefined;
    total += stream.unpackedBytes;
    end -= stream.packedBytes;
  }
  return end === 0 ? total : undefined;
}

/** Streams may be followed by zero bytes in fours. */
async function skipPadding(file: FileHandle, from: number): Promise<number> {
  let end = from;
  while (end >= 4 && (await bytesAt(file, end - 4, 4)).readUInt32LE(0) === 0) end -= 4;
  return end;
}

async function xzStream(file: FileHandle, end: number) {
  if (end < 32) return undefined;
  const footer = await bytesAt(file, end - 12, 12);
  if (footer.toString('latin1', 10) !== 'YZ') return undefined;
  const indexBytes = (footer.readUInt32LE(4) + 1) * 4;
  if (indexBytes > MAX_INDEX_BYTES || indexBytes + 24 > end) return undefined;
  const index = await bytesAt(file, end - 12 - indexBytes, indexBytes);
  const read = vliReader(index);
  if (index[0] !== 0) return undefined;
  const records = read();
  let blocksBytes = 0;
  let unpackedBytes = 0;
  for (let record = 0; record < records; record += 1) {
    blocksBytes += Math.ceil(read() / 4) * 4;
    unpackedBytes += read();
  }
  // Header, blocks, index, footer.
  return { packedBytes: 12 + blocksBytes + indexBytes + 12, unpackedBytes };
}

/** Variable-length integers (§1.2); exact up to 2^53, which no disk reaches. */
function vliReader(index: Buffer): () => number {
  let at = 1;
  return () => {
    let value = 0;
    for (let shift = 0; shift < 63 && at < index.length; shift += 7) {
      const byte = index[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
}

/** Where the first data frame of a .zst file begins: frames that hold no data are stepped over. */
export async function zstStart(file: FileHandle, fileBytes: number): Promise<number> {
  let at = 0;
  for (let frames = 0; frames < MAX_STREAMS && at + 8 <= fileBytes; frames += 1) {
    const head = await bytesAt(file, at, 8);
    if (!isSkippableFrame(head)) return at;
    at += 8 + head.readUInt32LE(4);
  }
  return at;
}

/**
 * Unpacked size of a .zst file whose one frame states it (RFC 8878 §3.1.1.1). Undefined when it does not, or when more
 * frames follow.
 */
async function zstSize(file: FileHandle, fileBytes: number): Promise<number | undefined> {
  const start = await zstStart(file, fileBytes);
  const head = await bytesAt(file, start, 18);
  if (head.length < 18 || head.readUInt32LE(0) !== 0xfd2fb528) return undefined;
  const descriptor = head[4] ?? 0;
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const at = 5 + (singleSegment ? 0 : 1) + dictionaryBytes;
  const stated = contentSize(head, at, descriptor >> 6, singleSegment);
  if (stated === undefined) return undefined;
  return (await frameEnd(file, start, at, descriptor, singleSegment)) === fileBytes
    ? stated
    : undefined;
}

function contentSize(head: Buffer, at: number, flag: number, singleSegment: boolean) {
  if (flag === 0) return singleSegment ? head.readUInt8(at) : undefined;
  if (flag === 1) return head.readUInt16LE(at) + 256;
  return flag === 2 ? head.readUInt32LE(at) : Number(head.readBigUInt64LE(at));
}

/** Steps over the blocks of a frame (§3.1.1.2) to where the next would begin. */
async function frameEnd(
  file: FileHandle,
  start: number,
  headerAt: number,
  descriptor: number,
  singleSegment: boolean,
): Promise<number> {
  const sizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  let at = start + headerAt + sizeBytes;
  for (;;) {
    const header = await bytesAt(file, at, 3);
    if (header.length < 3) return -1;
    const word = header.readUIntLE(0, 3);
    const isRle = ((word >> 1) & 3) === 1;
    at += 3 + (isRle ? 1 : word >> 3);
    if ((word & 1) === 1) return at + ((descriptor & 4) === 0 ? 0 : 4);
  }
}

async function bytesAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, Math.max(0, at));
  return buffer.subarray(0, bytesRead);
}
