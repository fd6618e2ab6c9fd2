/** A part of what a program wrote to one of its streams. */
export interface FramePart {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Buffer;
  /** Whether the engine's message ends with it. */
  readonly isLast: boolean;
}

const HEADER_BYTES = 8;
const STDERR = 2;

/**
 * Takes apart what an engine puts both streams of a program into: `[stream, 0, 0, 0, size as 32 bit big endian]`, then so many bytes
 * (Engine API, “Stream format”). Of a frame, however large it claims to be, nothing is kept but its header.
 */
export class FrameSplitter {
  #header: Buffer = Buffer.alloc(0);
  #stream: 'stdout' | 'stderr' = 'stdout';
  #left = 0;

  push(chunk: Buffer): readonly FramePart[] {
    const parts: FramePart[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const bytes = chunk.subarray(at, at + this.#left);
        at += bytes.length;
        this.#left -= bytes.length;
        parts.push({ stream: this.#stream, bytes, isLast: this.#left === 0 });
      } else {
        const missing = HEADER_BYTES - this.#header.length;
        const more = chunk.subarray(at, at + missing);
        at += more.length;
        this.#header = this.#header.length === 0 ? more : Buffer.concat([this.#header, more]);
        if (more.length === missing) this.#begin();
      }
    }
    // What is kept must not hold the whole chunk in memory.
    if (this.#header.length > 0) this.#header = Buffer.from(this.#header);
    return parts;
  }

  #begin(): void {
    this.#stream = this.#header[0] === STDERR ? 'stderr' : 'stdout';
    this.#left = this.#header.readUInt32BE(4);
    this.#header = Buffer.alloc(0);
  }
}
