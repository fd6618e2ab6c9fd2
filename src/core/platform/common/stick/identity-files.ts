import type { FileHandle } from 'node:fs/promises';

import { interact } from 'balena-image-fs';
import { Disk, type ReadResult, type WriteResult } from 'file-disk';

import type { IdentityFile } from '../../../types/models/stick.js';

import { AppError } from '../../../types/errors/app-error.js';
import { BufferRing } from './buffers.js';
import { findFatVolume, type ReadAt } from './fat-volume.js';
import { IDENTITY_LABEL, withoutIdentity } from './identity-label.js';
import { BLOCK_BYTES } from './target.js';

const BOUNCE_BYTES = 64 << 10;

/**
 * Places files in the CIDATA partition of what was written, without mounting it, reads them back and compares. Goes through the
 * target's own descriptor, so that with O_DIRECT what is read back comes from the drive.
 * @throws {AppError} IMAGE_WITHOUT_CIDATA, VERIFY_FAILED, WRITE_FAILED.
 */
export async function placeIdentity(
  handle: FileHandle,
  sizeBytes: number,
  files: readonly IdentityFile[],
): Promise<void> {
  const disk = new AlignedDisk(handle, sizeBytes);
  const volume = await findFatVolume(disk.readAt, IDENTITY_LABEL);
  if (!volume) throw withoutIdentity();
  await inVolume(disk, volume.partition, async (fs) => {
    for (const file of files) {
      await makeParents(fs, file.path);
      await fs.promises.writeFile(`/${file.path}`, file.text);
    }
  });
  await handle.sync();
  await inVolume(disk, volume.partition, async (fs) => {
    for (const file of files) {
      const found = await fs.promises.readFile(`/${file.path}`, { encoding: 'utf8' });
      if (found === file.text) continue;
      throw new AppError('VERIFY_FAILED', `The file ${file.path} was not read back as written.`, {
        file: file.path,
      });
    }
  });
}

type FatFs = Parameters<Parameters<typeof interact>[2]>[0];

async function inVolume(
  disk: Disk,
  partition: number | undefined,
  use: (fs: FatFs) => Promise<void>,
): Promise<void> {
  try {
    await interact(disk, partition, use);
  } catch (error) {
    if (error instanceof AppError) throw error;
    // The library's own errors carry its whole inlined code: only their kind is passed on.
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new AppError('WRITE_FAILED', `The identity could not be written (${reason}).`, {
      reason,
    });
  }
}

async function makeParents(fs: FatFs, file: string): Promise<void> {
  const folders = file.split('/').slice(0, -1);
  for (let depth = 1; depth <= folders.length; depth += 1) {
    const folder = `/${folders.slice(0, depth).join('/')}`;
    // An existing folder gives an error without a usable code, so it is looked for first.
    const exists = await fs.promises.stat(folder).then(
      () => true,
      () => false,
    );
    if (!exists) await fs.promises.mkdir(folder);
  }
}

/**
 * Gives the FAT library byte access to a descriptor that takes whole, aligned blocks only. One access at a time: it reads a
 * block, changes it and writes it back.
 */
class AlignedDisk extends Disk {
  readonly #handle: FileHandle;
  readonly #sizeBytes: number;
  readonly #ring = new BufferRing(1, BOUNCE_BYTES);

  constructor(handle: FileHandle, sizeBytes: number) {
    super();
    this.#handle = handle;
    this.#sizeBytes = sizeBytes;
  }

  readonly readAt: ReadAt = async (at, length) => {
    const buffer = Buffer.alloc(Math.max(0, Math.min(length, this.#sizeBytes - at)));
    await this._read(buffer, 0, buffer.length, at);
    return buffer;
  };

  protected override async _getCapacity(): Promise<number> {
    return this.#sizeBytes;
  }

  protected override async _read(
    buffer: Buffer,
    offset: number,
    length: number,
    at: number,
  ): Promise<ReadResult> {
    await this.#eachWindow(at, length, async (window, from, bytes, done) => {
      window.copy(buffer, offset + done, from, from + bytes);
    });
    return { bytesRead: length, buffer };
  }

  protected override async _write(
    buffer: Buffer,
    offset: number,
    length: number,
    at: number,
  ): Promise<WriteResult> {
    await this.#eachWindow(at, length, async (window, from, bytes, done, windowAt) => {
      buffer.copy(window, from, offset + done, offset + done + bytes);
      await this.#handle.write(window, 0, window.length, windowAt);
    });
    return { bytesWritten: length, buffer };
  }

  protected override async _flush(): Promise<void> {
    await this.#handle.sync();
  }

  /** Walks over the aligned windows that cover a range, each read into the bounce buffer first. */
  async #eachWindow(
    at: number,
    length: number,
    use: (
      window: Buffer,
      from: number,
      bytes: number,
      done: number,
      windowAt: number,
    ) => Promise<void>,
  ): Promise<void> {
    const bounce = await this.#ring.take();
    try {
      for (let done = 0; done < length;) {
        const windowAt = Math.floor((at + done) / BLOCK_BYTES) * BLOCK_BYTES;
        const from = at + done - windowAt;
        const wanted = Math.ceil((from + length - done) / BLOCK_BYTES) * BLOCK_BYTES;
        const windowBytes = Math.min(wanted, BOUNCE_BYTES, this.#sizeBytes - windowAt);
        const bytes = Math.min(length - done, windowBytes - from);
        if (bytes <= 0)
          throw new AppError('WRITE_FAILED', 'The FAT file system ends after the disk.');
        await this.#handle.read(bounce, 0, windowBytes, windowAt);
        await use(bounce.subarray(0, windowBytes), from, bytes, done, windowAt);
        done += bytes;
      }
    } finally {
      this.#ring.give(bounce);
    }
  }
}
