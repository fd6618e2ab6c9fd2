import type { EngineDeps } from '../common/stick/engine.js';

import { AppError } from '../../types/errors/app-error.js';
import { createDrivelistLister, identifyListed } from '../common/drivelist-drives.js';

const MOUNTVOL_TIMEOUT_MS = 60_000;

/**
 * Windows, as the write engine needs it: a physical drive (`\\.\PhysicalDriveN`) is written through its own name, with
 * its volumes taken away first. Unproven: no such machine is at hand.
 */
export const windowsEngineDeps: EngineDeps = {
  identify: (_, devicePath) => identifyListed(devicePath),

  async unmount(devicePath) {
    const { execa } = await import('execa');
    const found = await createDrivelistLister().lookup(devicePath);
    const mountpoints =
      found.kind === 'drive' ? found.drive.partitions.flatMap((part) => part.mountpoints) : [];
    for (const mountpoint of mountpoints) {
      await execa('mountvol.exe', [mountpoint, '/P'], {
        timeout: MOUNTVOL_TIMEOUT_MS,
        stdin: 'ignore',
      }).catch(() => {
        throw new AppError('DEVICE_BUSY', `${mountpoint} cannot be unmounted: it is in use.`, {
          device: devicePath,
        });
      });
    }
  },

  /** Windows has no command for it: a person takes it out by the notification area. */
  async eject() {
    return false;
  },
};
