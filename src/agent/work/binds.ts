import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';

import type { Log } from '../log.js';

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
 * Where the folders that the owner lends really are, looked at once, when the agent starts, and not again: what containers have of them by then, they
 * could make into links to anywhere. One inside another is not lent by itself, since whoever has the outer one decides what the inner one is.
 * @param allowed - folders of `--allow-bind`.
 */
export async function lentFolders(
  allowed: readonly string[],
  log: Pick<Log, 'warn'>,
): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const folder of allowed) {
    const real = await realpath(folder).catch(() => undefined);
    if (real !== undefined) found.add(real);
    else
      log.warn('a folder that is lent is not there, and is looked for at the next start', {
        folder,
      });
  }
  return [...found].filter((folder) => {
    const outer = [...found].find((other) => other !== folder && isWithin(folder, other));
    if (outer === undefined) return true;
    log.warn('a folder inside another one that is lent is not lent by itself', { folder, outer });
    return false;
  });
}

/** The first that lies in another of them, by their names alone. */
export function nestedFolder(
  folders: readonly string[],
): { readonly inner: string; readonly outer: string } | undefined {
  const named = [...new Set(folders.map((folder) => path.resolve(folder)))];
  for (const inner of named) {
    const outer = named.find((other) => other !== inner && isWithin(inner, other));
    if (outer !== undefined) return { inner, outer };
  }
}

/**
 * Where a folder of this machine really is, with every link followed. It has to be one of those that are lent, as they were when the agent started, and not
 * something below: another container that has the folder could make a link of what is below, between this look and the engine's.
 * @param lent - of `lentFolders`.
 * @throws {AppError} BIND_NOT_ALLOWED.
 */
export async function allowedBind(source: string, lent: readonly string[]): Promise<string> {
  const real = await realpath(source).catch(() => undefined);
  if (real === undefined) {
    throw new AppError('BIND_NOT_ALLOWED', `There is no ${source} on this machine.`, { source });
  }
  if (!lent.includes(real)) {
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
