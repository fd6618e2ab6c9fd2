import type { FileHandle } from 'node:fs/promises';

/** Larger pieces save little time and cost memory: each is garbage once it is copied. */
export const PIECE_BYTES = 512 << 10;

/**
 * The bytes of a file from `start` to before `end`. Node's own streams over a FileHandle close it when they are given up, also
 * with `autoClose: false`; this leaves it open, because others still read from it.
 */
export async function* filePieces(
  file: FileHandle,
  start: number,
  end = Number.MAX_SAFE_INTEGER,
): AsyncGenerator<Buffer> {
  for (let at = start; at < end;) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, end - at));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}
