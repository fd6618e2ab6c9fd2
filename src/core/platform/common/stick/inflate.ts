import type { FileHandle } from 'node:fs/promises';
import type { Transform } from 'node:stream';

import { pipeline, Readable } from 'node:stream';

import { filePieces } from './file-pieces.js';

/** Measured: with less, Node spends the time between the pieces; with more, memory. */
export const UNPACK_CHUNK_BYTES = 1 << 20;

/** Feeds a file from `start` through one of Node's decompressors. It may end before the file does: see its `bytesWritten`. */
export async function* inflate(
  file: FileHandle,
  start: number,
  engine: Transform,
): AsyncGenerator<Buffer> {
  const input = Readable.from(filePieces(file, start), { objectMode: false });
  const output: AsyncIterable<Buffer> = pipeline(input, engine, () => undefined);
  yield* output;
}
