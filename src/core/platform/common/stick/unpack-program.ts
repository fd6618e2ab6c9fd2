import type { FileHandle } from 'node:fs/promises';

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, existsSync } from 'node:fs';
import { Readable } from 'node:stream';

import { AppError } from '../../../types/errors/app-error.js';

/** Only where the system puts its programs: the writer may run as root, and PATH is the caller's. */
const DIRECTORIES = ['/usr/bin', '/bin', '/usr/local/bin', '/opt/homebrew/bin'] as const;
const PIPE_BYTES = 1 << 20;
/** `xz -T0` may use this much for its blocks and threads; beyond it, it uses fewer threads. */
const XZ_MEMORY = '--memlimit-mt-decompress=512MiB';

const programs = {
  xz: { name: 'xz', args: ['-dcT0', XZ_MEMORY] },
  bz2: { name: 'bzip2', args: ['-dc'] },
} as const;

/** The system's program for a format, if it has one. */
export function findProgram(format: keyof typeof programs): string | undefined {
  return DIRECTORIES.map((directory) => `${directory}/${programs[format].name}`).find((file) =>
    existsSync(file),
  );
}

/**
 * Unpacks xz and bzip2 by the system's program, which uses every core (xz) and is the reference for what is damaged; without
 * one, in this process, slower.
 * @throws {AppError} IMAGE_CORRUPT.
 */
export async function* runUnpacker(
  file: FileHandle,
  format: keyof typeof programs,
): AsyncGenerator<Buffer> {
  const program = findProgram(format);
  if (program === undefined) {
    yield* format === 'xz' ? unxzHere(file) : unbzip2Here(file);
    return;
  }
  const child = spawn(program, programs[format].args, {
    stdio: [file.fd, 'pipe', 'ignore'],
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
  });
  const { stdout } = child;
  const exited = once(child, 'exit') as Promise<[number | null]>;
  exited.catch(() => undefined);
  try {
    for await (const chunk of stdout ?? []) yield chunk as Buffer;
    const [code] = await exited;
    if (code !== 0) throw damaged(format);
  } finally {
    if (child.exitCode === null) child.kill('SIGKILL');
  }
}

async function* unxzHere(file: FileHandle): AsyncGenerator<Buffer> {
  const { XzReadableStream } = await import('xz-decompress');
  const stream = new XzReadableStream(Readable.toWeb(read(file)) as ReadableStream<Uint8Array>);
  try {
    for await (const chunk of stream)
      yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  } catch {
    throw damaged('xz');
  }
}

async function* unbzip2Here(file: FileHandle): AsyncGenerator<Buffer> {
  const { default: unbzip2 } = await import('unbzip2-stream');
  try {
    for await (const chunk of read(file).pipe(unbzip2())) yield chunk as Buffer;
  } catch {
    throw damaged('bz2');
  }
}

function read(file: FileHandle): Readable {
  return createReadStream('', {
    fd: file.fd,
    autoClose: false,
    start: 0,
    highWaterMark: PIPE_BYTES,
  });
}

function damaged(format: string): AppError {
  return new AppError('IMAGE_CORRUPT', `The image is damaged or cut short (${format}).`);
}
