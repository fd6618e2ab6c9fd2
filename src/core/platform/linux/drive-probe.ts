import { constants, open } from 'node:fs/promises';

import type { DriveProbe } from '../../services/usb/usb.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { errorCode } from '../../types/errors/error-code.js';

const refusals: Readonly<
  Record<
    string,
    { code: 'DEVICE_PERMISSION' | 'DEVICE_BUSY' | 'DEVICE_READ_ONLY' | 'DEVICE_GONE'; text: string }
  >
> = {
  EACCES: { code: 'DEVICE_PERMISSION', text: 'The daemon may not write to' },
  EPERM: { code: 'DEVICE_READ_ONLY', text: 'Write protection is on for' },
  EROFS: { code: 'DEVICE_READ_ONLY', text: 'Write protection is on for' },
  EBUSY: { code: 'DEVICE_BUSY', text: 'Another program holds' },
  ENXIO: { code: 'DEVICE_GONE', text: 'Nothing is plugged in at' },
  ENOMEDIUM: { code: 'DEVICE_GONE', text: 'No medium is in' },
  ENOENT: { code: 'DEVICE_GONE', text: 'There is no longer a' },
};

/**
 * Asks the kernel by opening. On a block device O_EXCL without O_CREAT fails with EBUSY while it is mounted or held
 * exclusively (open(2)), which no file under /sys tells.
 */
export function createDriveProbe(): DriveProbe {
  return {
    async probe(drive, { exclusive }) {
      const flags = constants.O_RDWR | constants.O_NONBLOCK | (exclusive ? constants.O_EXCL : 0);
      try {
        const handle = await open(drive.path, flags);
        await handle.close();
      } catch (error) {
        const refusal = refusals[errorCode(error) ?? ''];
        if (!refusal) throw error;
        throw new AppError(refusal.code, `${refusal.text} ${drive.path}.`, { device: drive.path });
      }
    },
  };
}
