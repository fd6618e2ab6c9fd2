import { AppError } from '../../../../types/errors/app-error.js';

/** Reads bytes of a disk or image; fewer than asked for at its end. */
export type ReadAt = (at: number, length: number) => Promise<Buffer>;

/** Byte access to a disk, for what is small and scattered. One access at a time. */
export interface ByteDisk {
  readonly read: ReadAt;
  write(at: number, bytes: Buffer): Promise<void>;
}

/** A part of a disk, counted from its start. Reads that end early are damage here. */
export class Window {
  readonly #disk: ByteDisk;
  readonly #startBytes: number;

  constructor(disk: ByteDisk, startBytes: number) {
    this.#disk = disk;
    this.#startBytes = startBytes;
  }

  /** @throws {AppError} IMAGE_CORRUPT when the disk ends before. */
  async read(at: number, length: number): Promise<Buffer> {
    const bytes = await this.#disk.read(this.#startBytes + at, length);
    if (bytes.length < length) throw damaged('it ends after its disk');
    return bytes;
  }

  write(at: number, bytes: Buffer): Promise<void> {
    return this.#disk.write(this.#startBytes + at, bytes);
  }
}

/** A FAT file system that contradicts itself. */
export function damaged(how: string): AppError {
  return new AppError('IMAGE_CORRUPT', `The FAT file system of the image is damaged: ${how}.`, {
    damage: how,
  });
}
