import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';

import { AppError } from '../../../types/errors/app-error.js';
import { errorCode } from '../../../types/errors/error-code.js';

/**
 * The file around a backup: eight bytes that say what it is, the SHA-256 of all that follows, then gzip of lines.
 * The sum covers the compressed bytes, because gzip's own leaves its header open to change.
 */
const MAGIC = Buffer.from('SYNTBK01', 'latin1');
const BODY_AT = MAGIC.length + 32;
/** No row of ours comes near it; a file made to exhaust memory would. */
const MAX_LINE_BYTES = 64 << 20;
const PIECE_BYTES = 1 << 20;
const NEWLINE = 0x0a;

/** Writes lines (each chunk ends in a newline) into an empty file. Holds a few chunks in memory, however many come. */
export async function writeContainer(
  handle: FileHandle,
  lines: AsyncIterable<string>,
  signal?: AbortSignal,
): Promise<void> {
  const sum = createHash('sha256');
  let at = BODY_AT;
  await pipeline(
    Readable.from(lines),
    createGzip(),
    async (compressed: AsyncIterable<Buffer>) => {
      for await (const chunk of compressed) {
        sum.update(chunk);
        await writeAll(handle, chunk, at);
        at += chunk.length;
      }
    },
    signal ? { signal } : {},
  );
  await writeAll(handle, Buffer.concat([MAGIC, sum.digest()]), 0);
  await handle.sync();
}

async function writeAll(handle: FileHandle, bytes: Buffer, at: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

/**
 * Makes sure that every byte is as it was written.
 * @throws {AppError} FILE_NOT_FOUND, DEVICE_PERMISSION, BACKUP_INVALID.
 */
export async function verifySum(file: string): Promise<void> {
  const handle = await openToRead(file);
  try {
    const head = Buffer.alloc(BODY_AT);
    const { bytesRead } = await handle.read(head, 0, BODY_AT, 0);
    if (bytesRead < BODY_AT || !head.subarray(0, MAGIC.length).equals(MAGIC)) {
      throw invalid(file, 'it does not begin like one');
    }
    const sum = createHash('sha256');
    const piece = Buffer.alloc(PIECE_BYTES);
    for (let at = BODY_AT; ;) {
      const read = await handle.read(piece, 0, PIECE_BYTES, at);
      if (read.bytesRead === 0) break;
      sum.update(piece.subarray(0, read.bytesRead));
      at += read.bytesRead;
    }
    if (!sum.digest().equals(head.subarray(MAGIC.length))) {
      throw invalid(file, 'it is damaged or cut short');
    }
  } finally {
    await handle.close();
  }
}

/** The lines of a file whose sum was verified. @throws {AppError} BACKUP_INVALID. */
export async function* readLines(file: string): AsyncGenerator<string> {
  const source = createReadStream(file, { start: BODY_AT });
  const unpacked = createGunzip();
  source.on('error', (error) => unpacked.destroy(error));
  source.pipe(unpacked);
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  try {
    for await (const chunk of unpacked) {
      let rest: Buffer = chunk;
      for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
        yield Buffer.concat([...pending, rest.subarray(0, end)]).toString('utf8');
        pending = [];
        pendingBytes = 0;
        rest = rest.subarray(end + 1);
      }
      if (rest.length === 0) continue;
      pending.push(rest);
      pendingBytes += rest.length;
      if (pendingBytes > MAX_LINE_BYTES) throw invalid(file, 'it has a line without an end');
    }
  } finally {
    source.destroy();
    unpacked.destroy();
  }
}

export function invalid(file: string, why: string): AppError {
  return new AppError('BACKUP_INVALID', `${file} is no usable backup: ${why}.`, { file });
}

async function openToRead(file: string): Promise<FileHandle> {
  try {
    const handle = await open(file, 'r');
    const stats = await handle.stat();
    if (stats.isFile()) return handle;
    await handle.close();
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new AppError('FILE_NOT_FOUND', `There is no file ${file}.`, { file });
    }
    if (code === 'EACCES' || code === 'EPERM') {
      throw new AppError('DEVICE_PERMISSION', `${file} may not be read.`, { file });
    }
    throw error;
  }
  throw invalid(file, 'it is not a file');
}
