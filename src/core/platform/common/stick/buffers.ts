/** The part of WebAssembly that is used here: its types come with the browser's library, which has no place in a daemon. */
declare const WebAssembly: {
  readonly Memory: new (limits: { initial: number; maximum: number }) => { buffer: ArrayBuffer };
};

/** Bytes of one WebAssembly page; its memory is aligned to the machine's pages, which O_DIRECT asks for. */
const PAGE_BYTES = 65_536;

/**
 * A fixed number of page-aligned buffers, lent and given back: the bound on what a write holds in memory. WebAssembly
 * memory is the one aligned allocation that Node offers without an add-on.
 */
export class BufferRing {
  readonly chunkBytes: number;
  readonly #free: Buffer[];
  readonly #waiting: ((buffer: Buffer) => void)[] = [];

  constructor(count: number, chunkBytes: number) {
    this.chunkBytes = chunkBytes;
    const pages = Math.ceil((count * chunkBytes) / PAGE_BYTES);
    const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.#free = Array.from({ length: count }, (_, index) =>
      Buffer.from(buffer, index * chunkBytes, chunkBytes),
    );
  }

  /** Waits for a buffer; those who wait are served in order. */
  take(): Promise<Buffer> {
    const buffer = this.#free.pop();
    if (buffer) return Promise.resolve(buffer);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  give(buffer: Buffer): void {
    const next = this.#waiting.shift();
    if (next) next(buffer);
    else this.#free.push(buffer);
  }
}
