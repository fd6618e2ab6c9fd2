import type { DriveLister, DriveProbe } from '../../services/usb/usb.ports.js';

import { createDriveProbe } from '../linux/drive-probe.js';
import { createLinuxDriveLister } from '../linux/drives.js';
import { createDrivelistLister } from './drivelist-drives.js';

/** The drives of the host that this runs on. */
export function hostDrives(): { readonly drives: DriveLister; readonly probe: DriveProbe } {
  if (process.platform === 'linux') {
    return { drives: createLinuxDriveLister(), probe: createDriveProbe() };
  }
  // What only an open can tell is found out by the write itself there.
  return { drives: createDrivelistLister(), probe: { probe: async () => undefined } };
}
