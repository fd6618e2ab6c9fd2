import type { Drive, DriveUse } from '../../types/models/drive.js';

import { AppError } from '../../types/errors/app-error.js';

interface Permissions {
  /** Whether mounted file systems may be unmounted first. */
  readonly unmount: boolean;
  readonly acceptRisks: readonly string[];
}

const useWords: Readonly<Record<Exclude<DriveUse, 'system' | 'mounted'>, string>> = {
  swap: 'is used as swap',
  raid: 'is part of a RAID array',
  lvm: 'is part of an LVM volume group',
  holder: 'is used by another device',
};

/**
 * Says why a drive may not be written, the gravest reason first; undefined when nothing speaks against it. What holds the
 * running system, or serves as swap, RAID or LVM, is refused whatever is accepted.
 */
export function refusal(drive: Drive, permissions: Permissions): AppError | undefined {
  const { path, uses } = drive;
  const details = { device: path };
  if (uses.includes('system')) {
    return new AppError('DEVICE_SYSTEM', `${path} holds the running system.`, details);
  }
  const use = uses.find((entry) => entry !== 'system' && entry !== 'mounted');
  if (use) return new AppError('DEVICE_IN_USE', `${path} ${useWords[use]}.`, { ...details, use });
  if (uses.includes('mounted') && !permissions.unmount) {
    const mountpoints = drive.partitions.flatMap((partition) => partition.mountpoints);
    const where = mountpoints.length > 0 ? ` at ${mountpoints.join(', ')}` : '';
    return new AppError('DEVICE_MOUNTED', `${path} is mounted${where}.`, details);
  }
  if (drive.readOnly) {
    return new AppError('DEVICE_READ_ONLY', `${path} is write-protected.`, details);
  }
  if (drive.sizeBytes === 0) {
    return new AppError(
      'DEVICE_TOO_SMALL',
      `${path} has no medium, or one without space.`,
      details,
    );
  }
  if (!drive.removable && !permissions.acceptRisks.includes('not-removable')) {
    return new AppError('DEVICE_NOT_REMOVABLE', `${path} is not a removable drive.`, details);
  }
  return undefined;
}
