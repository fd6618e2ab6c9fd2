import type { DriveLister, DriveProbe } from '../../services/usb/usb.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { createDriveProbe } from '../linux/drive-probe.js';
import { createLinuxDriveLister } from '../linux/drives.js';

/** The drives of the host that this runs on. Where drives are not read yet, images are still written to files. */
export function hostDrives(): { readonly drives: DriveLister; readonly probe: DriveProbe } {
  if (process.platform === 'linux') {
    return { drives: createLinuxDriveLister(), probe: createDriveProbe() };
  }
  return { drives: { list: missing, lookup: missing }, probe: { probe: missing } };
}

async function missing(): Promise<never> {
  throw new AppError(
    'CAPABILITY_MISSING',
    `Drives are not read on ${process.platform} yet; write an image with --output and flash it.`,
    { platform: process.platform },
  );
}
