import type { FileHandle } from 'node:fs/promises';

import type { BufferRing } from './buffers.js';
import type { Fingerprinter } from './fingerprint.js';
import type { Meter } from './meter.js';
import type { Target } from './target.js';

import { AppError } from '../../../types/errors/app-error.js';
import { errorCode } from '../../../types/errors/error-code.js';
import { targetError } from './errno.js';
import { BLOCK_BYTES } from './target.js';

/** What was written at one place, so that reading back can say where it differs. */
export interface WrittenChunk {
  readonly at: number;
  readonly bytes: number;
  /** Absent when nothing will be read back. */
  readonly fingerprint: Buffer | undefined;
}

export interface WriteContext {
  readonly target: Target;
  readonly ring: BufferRing;
  readonly meter: Meter;
  readonly signal: AbortSignal;
  /** Absent when nothing will be read back. */
  readonly fingerprinter: Fingerprinter | undefined;
  /** Called before the first byte goes to the target. */
  readonly onFirstWrite: () => void;
}

/**
 * Copies a raw image: as many lanes as there are buffers, each reading a piece and writing it to the same place, so that
 * reading and writing overlap and nothing is copied in between.
 */
export async function writeRaw(
  context: WriteContext,
  source: FileHandle,
  imageBytes: number,
  lanes: number,
): Promise<readonly WrittenChunk[]> {
  const chunks: WrittenChunk[] = [];
  const { ring, signal } = context;
  let next = 0;
  context.onFirstWrite();
  await allOrFirstError(lanes, async (stopped) => {
    const buffer = await ring.take();
    try {
      while (next < imageBytes && !stopped()) {
        signal.throwIfAborted();
        const at = next;
        const bytes = Math.min(ring.chunkBytes, imageBytes - at);
        next = at + bytes;
        await readFully(source, buffer, bytes, at);
        chunks.push(await writeChunk(context, buffer, bytes, at));
      }
    } finally {
      ring.give(buffer);
    }
  });
  return chunks;
}

/** Writes bytes as they come out of an unpacker; several writes are under way while the next buffer fills. */
export async function writeStream(
  context: WriteContext,
  source: AsyncIterable<Buffer>,
): Promise<{ chunks: readonly WrittenChunk[]; imageBytes: number }> {
  const { ring, signal } = context;
  const chunks: WrittenChunk[] = [];
  const pending = new Set<Promise<void>>();
  let failure: unknown;
  let at = 0;
  let filled = 0;
  let buffer = await ring.take();

  const flush = (full: Buffer, bytes: number) => {
    const write = writeChunk(context, full, bytes, at)
      .then((chunk) => void chunks.push(chunk))
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => {
        ring.give(full);
        pending.delete(write);
      });
    pending.add(write);
    at += bytes;
  };
  try {
    for await (const piece of source) {
      for (let taken = 0; taken < piece.length;) {
        signal.throwIfAborted();
        if (failure !== undefined) throw failure;
        if (at === 0 && filled === 0) context.onFirstWrite();
        const bytes = piece.copy(buffer, filled, taken);
        taken += bytes;
        filled += bytes;
        if (filled < ring.chunkBytes) continue;
        flush(buffer, filled);
        buffer = await ring.take();
        filled = 0;
      }
    }
    if (filled > 0) flush(buffer, filled);
    else ring.give(buffer);
  } finally {
    await Promise.all(pending);
  }
  if (failure !== undefined) throw failure;
  return { chunks, imageBytes: at };
}

/** O_DIRECT takes whole blocks: the last one is filled up with zeros, never with what the buffer held before. */
async function writeChunk(
  { target, meter, fingerprinter }: WriteContext,
  buffer: Buffer,
  bytes: number,
  at: number,
): Promise<WrittenChunk> {
  const fingerprint = fingerprinter?.of(buffer.subarray(0, bytes), at);
  const whole = Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
  if (whole > bytes) buffer.fill(0, bytes, whole);
  const limit = target.sizeBytes;
  const room = limit === undefined ? whole : Math.min(whole, limit - at);
  if (room < bytes) {
    throw new AppError('DISK_FULL', `The image is larger than ${target.name}.`, {
      target: target.name,
      sizeBytes: limit ?? 0,
    });
  }
  await writeFully(target, buffer, room, at);
  meter.add(bytes);
  return { at, bytes, fingerprint };
}

async function writeFully(
  target: Target,
  buffer: Buffer,
  bytes: number,
  at: number,
): Promise<void> {
  for (let done = 0; done < bytes;) {
    const { bytesWritten } = await target.handle
      .write(buffer, done, bytes - done, at + done)
      .catch((error: unknown) => {
        throw targetError(error, target.name);
      });
    if (bytesWritten === 0)
      throw targetError(Object.assign(new Error(), { code: 'ENOSPC' }), target.name);
    done += bytesWritten;
  }
}

async function readFully(
  source: FileHandle,
  buffer: Buffer,
  bytes: number,
  at: number,
): Promise<void> {
  for (let done = 0; done < bytes;) {
    const { bytesRead } = await source
      .read(buffer, done, bytes - done, at + done)
      .catch((cause: unknown) => {
        const errno = errorCode(cause) ?? 'unknown error';
        const text = `The image cannot be read (${errno}).`;
        throw new AppError('IMAGE_CORRUPT', text, { errno, atByte: at + done }, { cause });
      });
    if (bytesRead === 0) {
      throw new AppError('IMAGE_CORRUPT', 'The image became shorter while it was read.');
    }
    done += bytesRead;
  }
}

/**
 * Reads every written byte back and compares fingerprints.
 * @throws {AppError} VERIFY_FAILED with the first place that differs.
 */
export async function verifyChunks(
  { target, ring, meter, signal, fingerprinter }: WriteContext,
  chunks: readonly WrittenChunk[],
  lanes: number,
): Promise<void> {
  let next = 0;
  await allOrFirstError(lanes, async (stopped) => {
    const buffer = await ring.take();
    try {
      for (let chunk = chunks[next++]; chunk && !stopped(); chunk = chunks[next++]) {
        signal.throwIfAborted();
        await readBack(target, buffer, chunk);
        const found = fingerprinter?.of(buffer.subarray(0, chunk.bytes), chunk.at);
        if (!found || !chunk.fingerprint?.equals(found)) throw differs(target, chunk);
        meter.add(chunk.bytes);
      }
    } finally {
      ring.give(buffer);
    }
  });
}

async function readBack(
  target: Target,
  buffer: Buffer,
  { at, bytes }: WrittenChunk,
): Promise<void> {
  const whole = Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
  for (let done = 0; done < bytes;) {
    const { bytesRead } = await target.handle
      .read(buffer, done, whole - done, at + done)
      .catch((error: unknown) => {
        throw unreadable(target, { at, bytes }, error);
      });
    if (bytesRead === 0) throw differs(target, { at, bytes });
    done += bytesRead;
  }
}

/** A medium that took the bytes and cannot give them back has failed the verification, not the write. */
function unreadable(
  target: Target,
  { at, bytes }: Pick<WrittenChunk, 'at' | 'bytes'>,
  cause: unknown,
): AppError {
  const error = targetError(cause, target.name);
  if (error.code !== 'WRITE_FAILED') return error;
  return new AppError(
    'VERIFY_FAILED',
    `${target.name} cannot give back what was written, between bytes ${at} and ${at + bytes} (${error.details['errno']}).`,
    { ...error.details, fromByte: at, toByte: at + bytes },
    { cause },
  );
}

function differs(target: Target, { at, bytes }: Pick<WrittenChunk, 'at' | 'bytes'>): AppError {
  return new AppError(
    'VERIFY_FAILED',
    `What ${target.name} gives back differs from what was written, between bytes ${at} and ${at + bytes}.`,
    { target: target.name, fromByte: at, toByte: at + bytes },
  );
}

/** Runs lanes until all have ended, also after one failed: nobody still uses a buffer or the target when this returns. */
async function allOrFirstError(
  lanes: number,
  lane: (stopped: () => boolean) => Promise<void>,
): Promise<void> {
  let failure: { readonly error: unknown } | undefined;
  const run = async () => {
    try {
      await lane(() => failure !== undefined);
    } catch (error) {
      failure ??= { error };
    }
  };
  await Promise.all(Array.from({ length: lanes }, run));
  if (failure) throw failure.error;
}
