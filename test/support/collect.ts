import { setTimeout as pause } from 'node:timers/promises';

/** A reader that takes its time: pieces that are views of memory which is used again would have changed by then. */
export async function collect(pieces: AsyncIterable<Buffer>, pauseMs?: number): Promise<Buffer> {
  const found: Buffer[] = [];
  for await (const piece of pieces) {
    if (pauseMs !== undefined) await pause(pauseMs);
    found.push(Buffer.from(piece));
  }
  return Buffer.concat(found);
}
