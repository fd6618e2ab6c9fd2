import { access, constants, lstat, stat, statfs } from 'node:fs/promises';
import path from 'node:path';

import type { OutputProbe } from '../../../services/usb/usb.ports.js';

import { AppError } from '../../../types/errors/app-error.js';

/** Looks at the place of an output file; the write itself makes sure of it again. */
export function createOutputProbe(): OutputProbe {
  return {
    async check({ path: file, replace, imageBytes }) {
      const folder = path.dirname(file);
      await requireFolder(folder);
      const stats = await lstat(file).catch(() => undefined);
      if (stats && !stats.isFile()) {
        throw new AppError('INPUT_INVALID', `${file} is not a file; a device is given by --usb.`, {
          field: 'output',
        });
      }
      if (stats && !replace) {
        throw new AppError('OUTPUT_EXISTS', `${file} exists already.`, { file });
      }
      if (imageBytes === undefined) return;
      const { bavail, bsize } = await statfs(folder);
      if (bavail * bsize >= imageBytes) return;
      throw new AppError('DISK_FULL', `${folder} has too little space for ${imageBytes} bytes.`, {
        neededBytes: imageBytes,
        freeBytes: bavail * bsize,
      });
    },
  };
}

async function requireFolder(folder: string): Promise<void> {
  const isFolder = await stat(folder).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  if (!isFolder) {
    throw new AppError('FILE_NOT_FOUND', `There is no folder ${folder}.`, { folder });
  }
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch {
    throw new AppError('DEVICE_PERMISSION', `The daemon may not write in ${folder}.`, { folder });
  }
}
