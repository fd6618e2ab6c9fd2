import type { FileHandle } from 'node:fs/promises';
import type { Readable, Transform } from 'node:stream';

import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import zlib from 'node:zlib';

import type { ImageFormat } from '../../../types/models/image.js';

import { AppError } from '../../../types/errors/app-error.js';
import { runUnpacker } from './unpack-program.js';
import { openZipEntry } from './zip.js';
import { zstStart } from './stated-size.js';

/** Larger pieces save little time and cost memory: each is garbage once it is copied. */
const READ_BYTES = 512 << 10;
/** Images that were packed with --ultra --long=31 need a 2 GiB window; 128 MiB is what `zstd` itself takes by default. */
const ZSTD_WINDOW_LOG_MAX = 27;

/**
 * The unpacked bytes of an image, in order. Several members, frames or streams in one file follow each other, as the usual
 * programs have it. Damage and a file that ends early are errors, never a shorter image.
 * @throws {AppError} IMAGE_CORRUPT while it is read.
 */
export async function* unpack(
  file: FileHandle,
  fileBytes: number,
  format: Exclude<ImageFormat, 'raw'>,
): AsyncGenerator<Buffer> {
  try {
    switch (format) {
      case 'gz':
        yield* inflate(file, 0, fileBytes, zlib.createGunzip({ chunkSize: READ_BYTES }));
        break;
      case 'zst':
        yield* inflate(file, await zstStart(file, fileBytes), fileBytes, zstdDecompress());
        break;
      case 'zip':
        yield* await openZipEntry(file, fileBytes);
        break;
      default:
        yield* runUnpacker(file, format);
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw corrupt(error);
  }
}

function zstdDecompress() {
  return zlib.createZstdDecompress({
    chunkSize: READ_BYTES,
    params: { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
  });
}

/**
 * Node ends some damaged or oddly framed inputs without an error and without the rest of the data (a .zst with a skippable
 * frame is one): that all input was taken is therefore checked here.
 */
async function* inflate(
  file: FileHandle,
  start: number,
  fileBytes: number,
  engine: Transform & { readonly bytesWritten: number },
): AsyncGenerator<Buffer> {
  const input = createReadStream('', {
    fd: file.fd,
    autoClose: false,
    start,
    highWaterMark: READ_BYTES,
  });
  const output: Readable = pipeline(input, engine, () => undefined);
  for await (const chunk of output) yield chunk as Buffer;
  const left = fileBytes - start - engine.bytesWritten;
  if (left > 0 && !(await isZero(file, start + engine.bytesWritten, left))) throw corrupt();
}

/** Padding with zeros, as tapes and some build tools leave it, is no data. */
async function isZero(file: FileHandle, at: number, length: number): Promise<boolean> {
  const limit = Math.min(length, READ_BYTES);
  const buffer = Buffer.alloc(limit);
  const { bytesRead } = await file.read(buffer, 0, limit, at);
  return bytesRead === length && buffer.every((byte) => byte === 0);
}

function corrupt(cause?: unknown): AppError {
  const reason = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return new AppError(
    'IMAGE_CORRUPT',
    `The image is damaged or cut short${reason}.`,
    {},
    { cause },
  );
}
