import type { FileHandle } from 'node:fs/promises';

import { readSync } from 'node:fs';

import type { ImageFormat } from '../../../types/models/image.js';

import { AppError } from '../../../types/errors/app-error.js';
import { isSkippableFrame } from './magic.js';

/** Reads a few bytes of a file; fewer at its end. */
type Peek = (at: number, length: number) => Buffer | Promise<Buffer>;

/** Streams of one file that are looked at: beyond it, the size counts as not stated. */
const MAX_STREAMS = 10_000;
/** A block holds 128 KiB at most, so this is an image of 16 GiB: looking at more would take longer than it is worth. */
const MAX_BLOCKS = 131_072;
/** An index of more than this is not read: it is no image that anybody makes. */
const MAX_INDEX_BYTES = 8 << 20;
const MAX_PADDING_BYTES = 4096;

/**
 * Size of the image in a file, where the file states it. gz states it modulo 4 GiB and bz2 not at all, so theirs is unknown.
 * `peek` may be given where waiting for each small read costs more than the read.
 * @throws {AppError} what a zip file is refused for.
 */
export async function statedSize(
  file: FileHandle,
  fileBytes: number,
  format: ImageFormat,
  peek: Peek = peekAt(file),
): Promise<number | undefined> {
  switch (format) {
    case 'raw':
      return fileBytes;
    case 'xz':
      return xzSize(peek, fileBytes);
    case 'zst':
      return zstSize(peek, fileBytes);
    case 'zip':
      return zipSize(file, fileBytes);
    default:
      return undefined;
  }
}

function peekAt(file: FileHandle): Peek {
  return async (at, length) => {
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await file.read(buffer, 0, length, at);
    return buffer.subarray(0, bytesRead);
  };
}

/** For the writer process, which has nothing else to do meanwhile: many small reads are ten times as fast. */
export function peekSync(file: FileHandle): Peek {
  return (at, length) => {
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(file.fd, buffer, 0, length, at));
  };
}

async function zipSize(file: FileHandle, fileBytes: number): Promise<number> {
  const { findZipEntry } = await import('./zip.js');
  try {
    return (await findZipEntry(file, fileBytes)).uncompressedSize;
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('IMAGE_CORRUPT', 'The zip file is damaged or cut short.', {}, { cause });
  }
}

/**
 * Unpacked size of an .xz file, from the indexes at its end (https://tukaani.org/xz/xz-file-format.txt §2.1.2, §4).
 * Undefined when they do not add up; unpacking then finds the damage.
 */
async function xzSize(peek: Peek, fileBytes: number): Promise<number | undefined> {
  let end = fileBytes;
  let total = 0;
  for (let streams = 0; streams < MAX_STREAMS && end > 0; streams += 1) {
    end = await skipPadding(peek, end);
    const stream = await xzStream(peek, end);
    if (!stream) return undefined;
    total += stream.unpackedBytes;
    end -= stream.packedBytes;
  }
  return end === 0 ? total : undefined;
}

/** Streams may be followed by zero bytes in fours. */
async function skipPadding(peek: Peek, from: number): Promise<number> {
  const padding = await peek(
    Math.max(0, from - MAX_PADDING_BYTES),
    Math.min(from, MAX_PADDING_BYTES),
  );
  let skipped = 0;
  while (skipped + 4 <= padding.length && isZero(padding.subarray(-skipped - 4).subarray(0, 4))) {
    skipped += 4;
  }
  return from - skipped;
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

async function xzStream(peek: Peek, end: number) {
  if (end < 32) return undefined;
  const footer = await peek(end - 12, 12);
  if (footer.toString('latin1', 10) !== 'YZ') return undefined;
  const indexBytes = (footer.readUInt32LE(4) + 1) * 4;
  if (indexBytes > MAX_INDEX_BYTES || indexBytes + 24 > end) return undefined;
  const index = await peek(end - 12 - indexBytes, indexBytes);
  const read = vliReader(index);
  if (index[0] !== 0) return undefined;
  const records = read();
  // Each takes two bytes at least.
  if (!(records <= indexBytes / 2)) return undefined;
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

/**
 * Unpacked size of a .zst file whose every frame states its own (RFC 8878 §3.1.1.1). Undefined when one does not, when there are
 * too many to look at, or when they do not end with the file.
 */
async function zstSize(peek: Peek, fileBytes: number): Promise<number | undefined> {
  let total = 0;
  let at = 0;
  for (let blocks = MAX_BLOCKS; at < fileBytes && blocks > 0;) {
    const head = await peek(at, 18);
    if (isSkippableFrame(head)) {
      at += 8 + head.readUInt32LE(4);
      blocks -= 1;
      continue;
    }
    const frame = zstFrame(head);
    if (!frame) return undefined;
    const end = await frameEnd(peek, at + frame.headerBytes, frame.hasChecksum, blocks);
    if (!end) return undefined;
    at = end.at;
    blocks -= end.blocks;
    total += frame.statedBytes;
  }
  return at === fileBytes ? total : undefined;
}

function zstFrame(head: Buffer) {
  if (head.length < 6 || head.readUInt32LE(0) !== 0xfd2fb528) return undefined;
  const descriptor = head[4] ?? 0;
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const at = 5 + (singleSegment ? 0 : 1) + dictionaryBytes;
  const sizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  if (head.length < at + sizeBytes) return undefined;
  const statedBytes = contentSize(head, at, descriptor >> 6, singleSegment);
  if (statedBytes === undefined) return undefined;
  return { statedBytes, headerBytes: at + sizeBytes, hasChecksum: (descriptor & 4) !== 0 };
}

function contentSize(head: Buffer, at: number, flag: number, singleSegment: boolean) {
  if (flag === 0) return singleSegment ? head.readUInt8(at) : undefined;
  if (flag === 1) return head.readUInt16LE(at) + 256;
  return flag === 2 ? head.readUInt32LE(at) : Number(head.readBigUInt64LE(at));
}

/** Steps over the blocks of a frame (§3.1.1.2) to where the next would begin. */
async function frameEnd(
  peek: Peek,
  firstBlockAt: number,
  hasChecksum: boolean,
  maxBlocks: number,
): Promise<{ readonly at: number; readonly blocks: number } | undefined> {
  let at = firstBlockAt;
  for (let blocks = 1; blocks <= maxBlocks; blocks += 1) {
    const header = await peek(at, 3);
    if (header.length < 3) return undefined;
    const word = header.readUIntLE(0, 3);
    const isRle = ((word >> 1) & 3) === 1;
    at += 3 + (isRle ? 1 : word >> 3);
    if ((word & 1) === 1) return { blocks, at: at + (hasChecksum ? 4 : 0) };
  }
  return undefined;
}
