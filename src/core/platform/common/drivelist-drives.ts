import type { DriveLister } from '../../services/usb/usb.ports.js';
import type { Drive, DriveLookup } from '../../types/models/drive.js';

import { AppError } from '../../types/errors/app-error.js';

/** What is used of a drive of the package drivelist 12. */
interface ListedDrive {
  readonly device: string;
  readonly description: string;
  readonly size: number | null;
  readonly blockSize: number;
  readonly busType: string;
  readonly isReadOnly: boolean;
  readonly isRemovable: boolean;
  readonly isSystem: boolean;
  readonly isUSB: boolean | null;
  readonly mountpoints: readonly { readonly path: string; readonly label?: string | null }[];
}

/**
 * Drives of macOS and Windows, through the package drivelist. It has an install script and is therefore not among our dependencies:
 * whoever wants sticks there installs it beside us.
 *
 * Unproven: no such machine is at hand. Drives carry no serial number there, so another stick of the same size in the same
 * place is not told apart.
 */
export function createDrivelistLister(): DriveLister {
  return {
    list: allDrives,
    async lookup(path): Promise<DriveLookup> {
      const drive = (await allDrives()).find((candidate) => candidate.path === path);
      return drive ? { kind: 'drive', drive } : { kind: 'missing' };
    },
  };
}

/** The drive at a path, as the write engine wants to see it once more. @throws {AppError} DEVICE_CHANGED when there is none. */
export async function identifyListed(
  path: string,
): Promise<{ readonly path: string; readonly sizeBytes: number }> {
  const found = await createDrivelistLister().lookup(path);
  if (found.kind === 'drive') return { path, sizeBytes: found.drive.sizeBytes };
  throw new AppError('DEVICE_CHANGED', `${path} is not the drive that was confirmed.`, {
    device: path,
  });
}

async function allDrives(): Promise<readonly Drive[]> {
  return (await listedDrives()).map(toDrive);
}

async function listedDrives(): Promise<readonly ListedDrive[]> {
  const name = 'drivelist';
  const found: unknown = await import(name).catch(() => undefined);
  if (hasList(found)) return found.list();
  throw new AppError(
    'CAPABILITY_MISSING',
    'Listing drives here needs the package drivelist: install it with `npm install drivelist`, or write an image with --output.',
    { platform: process.platform },
  );
}

function hasList(module: unknown): module is { list(): Promise<readonly ListedDrive[]> } {
  return (
    typeof module === 'object' &&
    module !== null &&
    'list' in module &&
    typeof module.list === 'function'
  );
}

function toDrive(drive: ListedDrive): Drive {
  const mountpoints = drive.mountpoints.map((mount) => mount.path);
  return {
    path: drive.device,
    model: drive.description,
    transport: drive.busType.toLowerCase(),
    sizeBytes: drive.size ?? 0,
    logicalBlockBytes: drive.blockSize,
    removable: drive.isRemovable || drive.isUSB === true,
    readOnly: drive.isReadOnly,
    uses: [
      ...(drive.isSystem ? (['system'] as const) : []),
      ...(mountpoints.length > 0 ? (['mounted'] as const) : []),
    ],
    partitions: drive.mountpoints.map((mount) => ({
      path: drive.device,
      sizeBytes: drive.size ?? 0,
      mountpoints: [mount.path],
      ...(mount.label ? { label: mount.label } : {}),
    })),
  };
}
