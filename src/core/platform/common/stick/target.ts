import { constants, type FileHandle, link, open, rename, rm } from 'node:fs/promises';

import type { DriveIdentity } from '../../../types/models/drive.js';
import type { TargetState, WriteTarget } from '../../../types/models/stick.js';

import { AppError } from '../../../types/errors/app-error.js';
import { errorCode } from '../../../types/errors/error-code.js';
import { targetError } from './errno.js';
import { partPath } from './parts.js';

/** O_DIRECT lengths and offsets are multiples of this on every disk that there is. */
export const BLOCK_BYTES = 4096;

/** Tells the drive behind an open descriptor. Implemented per platform. */
export type IdentifyOpen = (handle: FileHandle, path: string) => Promise<DriveIdentity>;

/** An open target: exclusively ours until `publish` or `abandon`. */
export interface Target {
  readonly name: string;
  readonly handle: FileHandle;
  /** Path under which the bytes lie while they are written. */
  readonly path: string;
  readonly kind: WriteTarget['kind'];
  /** Undefined for a file: it grows. */
  readonly sizeBytes: number | undefined;
  /** Whether reads and writes go past the page cache, so that reading back asks the drive itself. */
  readonly direct: boolean;
  /** Makes it last and visible. `imageBytes` cuts a file to its exact length. */
  publish(imageBytes: number): Promise<void>;
  /** Gives it up and says what is left of it. */
  abandon(touched: boolean): Promise<TargetState>;
}

/**
 * Opens what is to be written.
 * @throws {AppError} DEVICE_CHANGED, DEVICE_BUSY, DEVICE_PERMISSION, DEVICE_READ_ONLY, DEVICE_GONE, DISK_FULL.
 */
export async function openTarget(target: WriteTarget, identify: IdentifyOpen): Promise<Target> {
  return target.kind === 'device'
    ? openDevice(target.identity, identify)
    : openFile(target.path, target.replace);
}

/** On a block device O_EXCL keeps mounts and other exclusive openers away, also our own second writer (open(2)). */
async function openDevice(expected: DriveIdentity, identify: IdentifyOpen): Promise<Target> {
  const { path: device } = expected;
  const { handle, direct } = await openDirect(device, constants.O_EXCL);
  try {
    const found = await identify(handle, device);
    if (
      found.serial !== expected.serial ||
      found.byId !== expected.byId ||
      found.sizeBytes !== expected.sizeBytes
    ) {
      throw new AppError('DEVICE_CHANGED', `${device} is not the drive that was confirmed.`, {
        target: device,
      });
    }
  } catch (error) {
    await handle.close();
    throw error;
  }
  return {
    name: device,
    handle,
    path: device,
    kind: 'device',
    sizeBytes: expected.sizeBytes,
    direct,
    publish: () => handle.close(),
    async abandon(touched) {
      await handle.close().catch(() => undefined);
      return touched ? 'unusable' : 'untouched';
    },
  };
}

/**
 * A file is written beside its place and moved there when it is complete: what was there before stays whole until then, and
 * nothing unfinished ever has the name.
 */
async function openFile(file: string, replace: boolean): Promise<Target> {
  const temporary = partPath(file);
  const { handle, direct } = await openDirect(
    temporary,
    constants.O_CREAT | constants.O_EXCL,
    file,
  );
  return {
    name: file,
    handle,
    path: temporary,
    kind: 'file',
    sizeBytes: undefined,
    direct,
    async publish(imageBytes) {
      try {
        await handle.truncate(imageBytes);
        await handle.sync();
        await handle.close();
        await move(temporary, file, replace);
      } catch (error) {
        throw targetError(error, file);
      }
    },
    async abandon() {
      await handle.close().catch(() => undefined);
      await rm(temporary, { force: true });
      return 'removed';
    },
  };
}

/** `link` fails when the name is taken, which no check beforehand could promise. */
async function move(temporary: string, file: string, replace: boolean): Promise<void> {
  if (replace) return rename(temporary, file);
  try {
    await link(temporary, file);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    throw new AppError('OUTPUT_EXISTS', `${file} was made by someone else meanwhile.`, { file });
  }
  return rm(temporary);
}

/** Without O_DIRECT where the file system has none: then reading back proves less, see `Target.direct`. */
async function openDirect(
  file: string,
  flags: number,
  name = file,
): Promise<{ handle: FileHandle; direct: boolean }> {
  const access = constants.O_RDWR | flags;
  // Only Linux has the flag: elsewhere the name of a raw device goes past the cache by itself.
  if (process.platform === 'linux') {
    try {
      return { handle: await open(file, access | constants.O_DIRECT, 0o644), direct: true };
    } catch (error) {
      if (errorCode(error) !== 'EINVAL') throw targetError(error, name);
    }
  }
  try {
    // Some file systems make the file before they refuse the flag. It is our own temporary name.
    if ((flags & constants.O_CREAT) !== 0) await rm(file, { force: true });
    return { handle: await open(file, access, 0o644), direct: false };
  } catch (error) {
    throw targetError(error, name);
  }
}
