import type { EngineDeps } from '../common/stick/engine.js';

import { AppError } from '../../types/errors/app-error.js';
import { identifyListed } from '../common/drivelist-drives.js';

const DISKUTIL_TIMEOUT_MS = 60_000;

/** macOS, as the write engine needs it. Unproven: no Mac is at hand. */
export const darwinEngineDeps: EngineDeps = {
  identify: (_, devicePath) => identifyListed(devicePath),

  async unmount(devicePath) {
    await diskutil('unmountDisk', devicePath).catch(() => {
      throw new AppError('DEVICE_BUSY', `${devicePath} cannot be unmounted: it is in use.`, {
        device: devicePath,
      });
    });
  },

  async eject(devicePath) {
    return diskutil('eject', devicePath).then(
      () => true,
      () => false,
    );
  },
};

async function diskutil(verb: 'unmountDisk' | 'eject', devicePath: string): Promise<void> {
  const { execa } = await import('execa');
  await execa('/usr/sbin/diskutil', [verb, devicePath], {
    timeout: DISKUTIL_TIMEOUT_MS,
    stdin: 'ignore',
  });
}
