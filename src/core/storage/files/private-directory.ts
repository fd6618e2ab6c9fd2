import { chmod, lstat, mkdir } from 'node:fs/promises';

import { AppError } from '../../types/errors/app-error.js';

/**
 * Makes a directory that only this user can enter, or tightens one of ours.
 * @throws {AppError} SOCKET_PERMISSION when it belongs to someone else or is a link: a trap could be laid there.
 */
export async function ensurePrivateDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const stats = await lstat(directory);
  const uid = process.getuid?.();
  if (!stats.isDirectory() || (uid !== undefined && stats.uid !== uid)) {
    throw new AppError('SOCKET_PERMISSION', `${directory} does not belong to this user.`, {
      directory,
    });
  }
  if ((stats.mode & 0o077) !== 0) await chmod(directory, 0o700);
}
