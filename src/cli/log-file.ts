import { open, stat } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

import { AppError } from '../core/types/errors/app-error.js';
import { errorCode } from '../core/types/errors/error-code.js';

const CHUNK_BYTES = 64 * 1024;
/** Lines are looked for this far from the end of the file, whatever is asked for. */
const MAX_TAIL_BYTES = 16 * 1024 * 1024;
const POLL_MS = 250;

/**
 * The last lines of a file, oldest first.
 * @throws {AppError} FILE_NOT_FOUND, PERMISSION_DENIED.
 */
export async function lastLines(file: string, count: number): Promise<readonly string[]> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    throw unreadable(error, file);
  });
  try {
    let start = (await handle.stat()).size;
    const from = Math.max(0, start - MAX_TAIL_BYTES);
    const chunks: Buffer[] = [];
    let breaks = 0;
    while (start > from && breaks <= count) {
      const length = Math.min(CHUNK_BYTES, start - from);
      start -= length;
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, start);
      const chunk = buffer.subarray(0, bytesRead);
      breaks += chunk.reduce((sum, byte) => sum + (byte === 0x0a ? 1 : 0), 0);
      chunks.unshift(chunk);
    }
    const lines = Buffer.concat(chunks).toString('utf8').split('\n').filter(Boolean);
    return count === 0 ? [] : lines.slice(-count);
  } finally {
    await handle.close();
  }
}

/**
 * Lines as they are written from now on, also after the file was rotated away. Polled: a change of a file that is replaced is told
 * by no watcher that works everywhere.
 */
export async function* followLines(file: string, signal: AbortSignal): AsyncGenerator<string> {
  let { ino, size: position } = await stat(file).catch(() => ({ ino: 0, size: 0 }));
  let pending = '';
  while (!signal.aborted) {
    await pause(POLL_MS);
    const now = await stat(file).catch(() => undefined);
    if (!now) continue;
    if (now.ino !== ino || now.size < position) {
      ({ ino } = now);
      position = 0;
      pending = '';
    }
    const read = await readFrom(file, position, now.size);
    position += read.length;
    const lines = (pending + read.toString('utf8')).split('\n');
    pending = lines.pop() ?? '';
    yield* lines.filter(Boolean);
  }
}

async function readFrom(file: string, start: number, end: number): Promise<Buffer> {
  const length = Math.min(end - start, MAX_TAIL_BYTES);
  if (length <= 0) return Buffer.alloc(0);
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, start);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

function unreadable(error: unknown, file: string): unknown {
  const code = errorCode(error);
  if (code === 'ENOENT') {
    return new AppError('FILE_NOT_FOUND', `No daemon has written ${file} yet.`, { file });
  }
  if (code === 'EACCES') {
    return new AppError('PERMISSION_DENIED', `This user may not read ${file}.`, { file });
  }
  return error;
}
