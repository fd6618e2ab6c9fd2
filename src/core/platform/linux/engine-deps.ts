import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';

import type { DriveIdentity } from '../../types/models/drive.js';
import type { EngineDeps } from '../common/stick/engine.js';

import { AppError } from '../../types/errors/app-error.js';
import { createLinuxDriveLister, deviceNumber } from './drives.js';
import { linuxRoots } from './block-tree.js';
import { readMounts } from './mounts.js';

const UNMOUNT_TIMEOUT_MS = 30_000;
const EJECT_TIMEOUT_MS = 10_000;
/** Bounds what stacked mounts can make us repeat. */
const MAX_UNMOUNTS = 64;

/** Linux, as the write engine needs it. */
export const linuxEngineDeps: EngineDeps = {
  async identify(handle, devicePath): Promise<DriveIdentity> {
    const { rdev } = await handle.stat();
    const found = await createLinuxDriveLister().lookup(devicePath);
    const mounts = await readMounts(linuxRoots);
    if (found.kind !== 'drive') throw changed(devicePath);
    const number = deviceNumber(rdev);
    // The path may lead elsewhere by now; the descriptor is what will be written.
    const { sizeBytes, serial, byId, path } = found.drive;
    if (mounts.some((mount) => mount.number === number)) {
      throw new AppError('DEVICE_MOUNTED', `${devicePath} was mounted meanwhile.`, {
        device: path,
      });
    }
    if (!(await sameDevice(path, number))) throw changed(devicePath);
    // Some drivers let a protected drive be opened for writing, and refuse the first write only.
    if (found.drive.readOnly) {
      throw new AppError('DEVICE_READ_ONLY', `${devicePath} is write-protected.`, { device: path });
    }
    return {
      path,
      sizeBytes,
      ...(serial === undefined ? {} : { serial }),
      ...(byId === undefined ? {} : { byId }),
    };
  },

  async unmount(devicePath) {
    for (let count = 0; count < MAX_UNMOUNTS; count += 1) {
      const found = await createLinuxDriveLister().lookup(devicePath);
      const mountpoint =
        found.kind === 'drive'
          ? found.drive.partitions.flatMap((partition) => partition.mountpoints).at(-1)
          : undefined;
      if (mountpoint === undefined) return;
      await run('/bin/umount', ['--', mountpoint], UNMOUNT_TIMEOUT_MS).catch(() => {
        throw new AppError('DEVICE_BUSY', `${mountpoint} cannot be unmounted: it is in use.`, {
          device: devicePath,
        });
      });
    }
  },

  /** Best effort: a stick that stays in is as well written. */
  async eject(devicePath) {
    if (!existsSync('/usr/bin/eject')) return false;
    return run('/usr/bin/eject', ['--', devicePath], EJECT_TIMEOUT_MS).then(
      () => true,
      () => false,
    );
  },
};

/** Loaded when it is needed: most writes run no program of the system. */
async function run(file: string, args: readonly string[], timeout: number): Promise<void> {
  const { execa } = await import('execa');
  await execa(file, args, { timeout, stdin: 'ignore', env: { LC_ALL: 'C' } });
}

async function sameDevice(path: string, number: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  return stats !== undefined && deviceNumber(stats.rdev) === number;
}

function changed(devicePath: string): AppError {
  return new AppError('DEVICE_CHANGED', `${devicePath} is not the drive that was confirmed.`, {
    device: devicePath,
  });
}
