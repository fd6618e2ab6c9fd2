import type { FileHandle } from 'node:fs/promises';

import type { IdentityFile } from '../../../types/models/stick.js';

import { AppError } from '../../../types/errors/app-error.js';
import { AlignedDisk } from './aligned-disk.js';
import { targetError } from './errno.js';
import { FatVolume } from './fat/volume.js';
import { findFatVolume } from './fat-volume.js';
import { IDENTITY_LABEL, withoutIdentity } from './identity-label.js';

interface Place {
  readonly handle: FileHandle;
  /** How the target is called in errors. */
  readonly name: string;
  readonly sizeBytes: number;
}

/**
 * Places files in the CIDATA partition of what was written, without mounting it, reads them back and compares. Goes through the
 * target's own descriptor, so that with O_DIRECT what is read back comes from the drive.
 * @throws {AppError} IMAGE_WITHOUT_CIDATA, IMAGE_CORRUPT, DISK_FULL (the partition), VERIFY_FAILED, WRITE_FAILED.
 */
export async function placeIdentity(
  { handle, name, sizeBytes }: Place,
  files: readonly IdentityFile[],
  now: Date,
): Promise<void> {
  const disk = new AlignedDisk(handle, name, sizeBytes);
  const found = await findFatVolume((at, length) => disk.read(at, length), IDENTITY_LABEL);
  const volume = found && (await FatVolume.open(disk, found.offsetBytes));
  if (!found || !volume) throw withoutIdentity();
  for (const file of files) await volume.write(file.path, Buffer.from(file.text, 'utf8'), now);
  await volume.flush();
  await handle.sync().catch((error: unknown) => {
    throw targetError(error, name);
  });

  // Opened anew: nothing that was only in memory may count as read back.
  const written = await FatVolume.open(disk, found.offsetBytes);
  for (const file of files) {
    const bytes = await written?.read(file.path);
    if (bytes?.equals(Buffer.from(file.text, 'utf8'))) continue;
    throw new AppError('VERIFY_FAILED', `The file ${file.path} was not read back as written.`, {
      file: file.path,
    });
  }
}
