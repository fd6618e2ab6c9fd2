import type { FileHandle } from 'node:fs/promises';

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Readable } from 'node:stream';

import { AppError } from '../../../types/errors/app-error.js';
import { filePieces } from './file-pieces.js';

/** Only where the system puts its programs: the writer may run as root, and PATH is the caller's. */
const DIRECTORIES = ['/usr/bin', '/bin', '/usr/local/bin', '/opt/homebrew/bin'] as const;
const XZ_CHECK_CRC64 = 4;
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
export function runUnpacker(
  file: FileHandle,
  format: keyof typeof programs,
): AsyncGenerator<Buffer> {
  const program = findProgram(format);
  return program === undefined ? unpackHere(file, format) : unpackBy(program, file, format);
}

/** Unpacks in this process, for machines without the program. @throws {AppError} IMAGE_CORRUPT, IMAGE_UNSUPPORTED. */
export function unpackHere(
  file: FileHandle,
  format: keyof typeof programs,
): AsyncGenerator<Buffer> {
  return format === 'xz' ? unxzHere(file) : unbzip2Here(file);
}

async function* unpackBy(
  program: string,
  file: FileHandle,
  format: keyof typeof programs,
): AsyncGenerator<Buffer> {
  const child = spawn(program, programs[format].args, {
    stdio: [file.fd, 'pipe', 'ignore'],
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
  });
  const unpacked: AsyncIterable<Buffer> = child.stdout ?? Readable.from([]);
  const { promise: exited, resolve: exit } = Promise.withResolvers<number | null>();
  child.once('exit', exit).once('error', () => exit(null));
  try {
    yield* unpacked;
    if ((await exited) !== 0) throw damaged(format);
  } finally {
    if (child.exitCode === null) child.kill('SIGKILL');
  }
}

async function* unxzHere(file: FileHandle): AsyncGenerator<Buffer> {
  await requireKnownCheck(file);
  // A CommonJS package whose exports Node does not find by name.
  const { default: xz } = await import('xz-decompress');
  const packed = Readable.toWeb(readAll(file));
  try {
    // Copied, because they may be views of memory that the decompressor uses again.
    for await (const piece of new xz.XzReadableStream(packed)) yield Buffer.from(piece);
  } catch {
    throw damaged('xz');
  }
}

/** The decompressor in this process knows CRC-32 and CRC-64, as `xz` makes them when nothing else is asked for. */
async function requireKnownCheck(file: FileHandle): Promise<void> {
  const head = Buffer.alloc(8);
  await file.read(head, 0, head.length, 0);
  if (((head[7] ?? 0) & 0x0f) <= XZ_CHECK_CRC64) return;
  throw new AppError('IMAGE_UNSUPPORTED', 'The image has SHA-256 checks: install xz to unpack it.');
}

async function* unbzip2Here(file: FileHandle): AsyncGenerator<Buffer> {
  const { default: unbzip2 } = await import('unbzip2-stream');
  // A stream of the oldest kind: wrapped, it waits for us and its errors reach us.
  const packed = readAll(file);
  const unpacked = new Readable().wrap(packed.pipe(unbzip2()));
  packed.once('error', (error) => unpacked.destroy(error));
  const pieces: AsyncIterable<Buffer> = unpacked;
  try {
    yield* pieces;
  } catch {
    throw damaged('bz2');
  }
}

function readAll(file: FileHandle): Readable {
  return Readable.from(filePieces(file, 0), { objectMode: false });
}

function damaged(format: string): AppError {
  return new AppError('IMAGE_CORRUPT', `The image is damaged or cut short (${format}).`);
}
