import type { FileHandle } from 'node:fs/promises';

import zlib from 'node:zlib';

import { AppError } from '../../../types/errors/app-error.js';
import { inflate, UNPACK_CHUNK_BYTES } from './inflate.js';
import { isSkippableFrame } from './magic.js';

const FRAME_MAGIC = 0xfd2fb528;
/** Images that were packed with --ultra --long=31 need a 2 GiB window; 128 MiB is what `zstd` itself takes by default. */
const WINDOW_LOG_MAX = 27;

/**
 * The frames of a .zst file, one after the other (RFC 8878 §3.1). Node's decompressor stops after the first, and takes a frame
 * that holds no data for the end, so each gets a decompressor of its own.
 * @throws {AppError} IMAGE_CORRUPT also for anything that is no frame between or after them.
 */
export async function* unpackZst(file: FileHandle, fileBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < fileBytes;) {
    const head = Buffer.alloc(8);
    const { bytesRead } = await file.read(head, 0, head.length, at);
    if (isSkippableFrame(head.subarray(0, bytesRead))) {
      at += 8 + head.readUInt32LE(4);
      if (at > fileBytes) throw new AppError('IMAGE_CORRUPT', 'The image is cut short.');
      continue;
    }
    if (bytesRead < 4 || head.readUInt32LE(0) !== FRAME_MAGIC) {
      throw new AppError('IMAGE_CORRUPT', 'Something that is no zstd frame follows the image.', {
        atByte: at,
      });
    }
    const engine = zlib.createZstdDecompress({
      chunkSize: UNPACK_CHUNK_BYTES,
      params: { [zlib.constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX },
    });
    yield* inflate(file, at, engine);
    at += engine.bytesWritten;
  }
}
