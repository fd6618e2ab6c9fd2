import type { FileHandle } from 'node:fs/promises';

import { AppError } from '../../../types/errors/app-error.js';
import { BufferRing } from './buffers.js';
import { targetError } from './errno.js';
import type { ByteDisk } from './fat/disk.js';
import { BLOCK_BYTES } from './target.js';

const BOUNCE_BYTES = 128 << 10;

interface Step {
  /** The aligned bytes of the disk that hold this step, in the bounce buffer. */
  readonly blocks: Buffer;
  readonly blocksAt: number;
  /** Where this step begins in `blocks`, and in what was asked for. */
  readonly from: number;
  readonly done: number;
  readonly bytes: number;
}

/**
 * Byte access to a descriptor that takes whole, aligned blocks only: a block is read, changed and written back. Not for more
 * than one access at a time. With O_DIRECT what is read comes from the drive, never from the cache.
 */
export class AlignedDisk implements ByteDisk {
  readonly #handle: FileHandle;
  readonly #name: string;
  readonly #sizeBytes: number;
  readonly #ring = new BufferRing(1, BOUNCE_BYTES);

  constructor(handle: FileHandle, name: string, sizeBytes: number) {
    this.#handle = handle;
    this.#name = name;
    this.#sizeBytes = sizeBytes;
  }

  async read(at: number, length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(Math.max(0, Math.min(length, this.#sizeBytes - at)));
    await this.#steps(at, bytes.length, async (step) => {
      step.blocks.copy(bytes, step.done, step.from, step.from + step.bytes);
    });
    return bytes;
  }

  async write(at: number, bytes: Buffer): Promise<void> {
    if (at < 0 || at + bytes.length > this.#sizeBytes) {
      throw new AppError('IMAGE_CORRUPT', 'The FAT file system of the image ends after its disk.');
    }
    await this.#steps(at, bytes.length, async ({ blocks, blocksAt, from, done, bytes: length }) => {
      bytes.copy(blocks, from, done, done + length);
      await this.#writeBlocks(blocks, blocksAt);
    });
  }

  async #steps(at: number, length: number, use: (step: Step) => Promise<void>): Promise<void> {
    const bounce = await this.#ring.take();
    try {
      for (let done = 0; done < length;) {
        const blocksAt = Math.floor((at + done) / BLOCK_BYTES) * BLOCK_BYTES;
        const from = at + done - blocksAt;
        const wanted = Math.ceil((from + length - done) / BLOCK_BYTES) * BLOCK_BYTES;
        const blockBytes = Math.min(wanted, BOUNCE_BYTES, this.#sizeBytes - blocksAt);
        const blocks = bounce.subarray(0, blockBytes);
        await this.#readBlocks(blocks, blocksAt);
        const bytes = Math.min(length - done, blockBytes - from);
        await use({ blocks, blocksAt, from, done, bytes });
        done += bytes;
      }
    } finally {
      this.#ring.give(bounce);
    }
  }

  async #readBlocks(blocks: Buffer, at: number): Promise<void> {
    for (let done = 0; done < blocks.length;) {
      const { bytesRead } = await this.#handle
        .read(blocks, done, blocks.length - done, at + done)
        .catch((error: unknown) => {
          throw targetError(error, this.#name);
        });
      // A file's last block ends where the file does; what follows in the buffer is never used.
      if (bytesRead === 0) return;
      done += bytesRead;
    }
  }

  async #writeBlocks(blocks: Buffer, at: number): Promise<void> {
    for (let done = 0; done < blocks.length;) {
      const { bytesWritten } = await this.#handle
        .write(blocks, done, blocks.length - done, at + done)
        .catch((error: unknown) => {
          throw targetError(error, this.#name);
        });
      done += bytesWritten;
    }
  }
}
