import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../../core/types/errors/app-error.js';

/** Whoever has one of these has the machine. They are never bound, whatever the owner allows. */
const NEVER = [
  '/run/docker.sock',
  '/run/podman',
  '/run/containerd',
  '/var/lib/docker',
  '/var/lib/containers',
  '/var/lib/containerd',
];

/**
 * Where a folder of this machine really is, with every link followed: only that is looked for under what the owner allows, and only that is
 * what the engine is told.
 * @param allowed - folders of `--allow-bind`.
 * @throws {AppError} BIND_NOT_ALLOWED.
 */
export async function allowedBind(source: string, allowed: readonly string[]): Promise<string> {
  const real = await realpath(source).catch(() => undefined);
  if (real === undefined) {
    throw new AppError('BIND_NOT_ALLOWED', `There is no ${source} on this machine.`, { source });
  }
  const folders = await Promise.all(allowed.map((folder) => realpath(folder).catch(() => '')));
  if (!folders.some((folder) => folder !== '' && isWithin(real, folder))) {
    throw new AppError('BIND_NOT_ALLOWED', `The owner of this machine does not lend ${source}.`, {
      source,
    });
  }
  const stats = await stat(real);
  const isEngine = NEVER.some((place) => isWithin(real, place) || isWithin(place, real));
  if (isEngine || stats.isSocket()) {
    throw new AppError(
      'BIND_NOT_ALLOWED',
      `${source} would hand this machine over, so it is never lent.`,
      { source },
    );
  }
  return real;
}

function isWithin(file: string, folder: string): boolean {
  const way = path.relative(folder, file);
  return way === '' || (!way.startsWith(`..${path.sep}`) && way !== '..' && !path.isAbsolute(way));
}
