import type { FileHandle } from 'node:fs/promises';

import zlib from 'node:zlib';

import type { ImageFormat } from '../../../types/models/image.js';

import { AppError } from '../../../types/errors/app-error.js';
import { errorCode } from '../../../types/errors/error-code.js';
import { PIECE_BYTES } from './file-pieces.js';
import { inflate, UNPACK_CHUNK_BYTES } from './inflate.js';
import { runUnpacker } from './unpack-program.js';
import { openZipEntry } from './zip.js';
import { unpackZst } from './zst.js';

/**
 * The unpacked bytes of an image, in order. Several members, frames or streams in one file follow each other, as the usual
 * programs have it. Damage, a file that ends early and anything but zeros after the end are errors, never a shorter image.
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
        yield* unpackGz(file, fileBytes);
        break;
      case 'zst':
        yield* unpackZst(file, fileBytes);
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

/** Node goes through all members by itself, and ends without a word at what is no member: that is looked at here. */
async function* unpackGz(file: FileHandle, fileBytes: number): AsyncGenerator<Buffer> {
  const engine = zlib.createGunzip({ chunkSize: UNPACK_CHUNK_BYTES });
  yield* inflate(file, 0, engine);
  const end = engine.bytesWritten;
  if (end < fileBytes && !(await isZero(file, end, fileBytes - end))) throw corrupt();
}

/** Padding with zeros, as tapes and some build tools leave it, is no data. */
async function isZero(file: FileHandle, at: number, length: number): Promise<boolean> {
  const limit = Math.min(length, PIECE_BYTES);
  const buffer = Buffer.alloc(limit);
  const { bytesRead } = await file.read(buffer, 0, limit, at);
  return bytesRead === length && buffer.every((byte) => byte === 0);
}

function corrupt(cause?: unknown): AppError {
  const code = errorCode(cause);
  const reason = code === undefined ? '' : ` (${code})`;
  return new AppError(
    'IMAGE_CORRUPT',
    `The image is damaged or cut short${reason}.`,
    {},
    { cause },
  );
}
