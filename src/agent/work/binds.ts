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
 * Where a folder of this machine really is, with every link followed. It has to be one that the owner allows, and not something below it: what is below,
 * another container that has the folder could make a link to anywhere, between this look and the engine's.
 * @param allowed - folders of `--allow-bind`.
 * @throws {AppError} BIND_NOT_ALLOWED.
 */
export async function allowedBind(source: string, allowed: readonly string[]): Promise<string> {
  const real = await realpath(source).catch(() => undefined);
  if (real === undefined) {
    throw new AppError('BIND_NOT_ALLOWED', `There is no ${source} on this machine.`, { source });
  }
  const folders = await Promise.all(allowed.map((folder) => realpath(folder).catch(() => '')));
  if (!folders.includes(real)) {
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
