import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

import type { StatePaths } from '../core/config/state-paths.js';
import type { DaemonOptions } from './options.js';

import { type Config, loadConfig } from '../core/config/load.js';
import { acquireStateLock } from '../core/storage/files/state-lock.js';
import {
  type Backup,
  BACKED_UP_FILES,
  verifyBackup,
} from '../core/storage/postgres/backup/records.js';
import { restoreBackup } from '../core/storage/postgres/backup/restore.js';
import { openDatabase } from '../core/storage/postgres/database.js';
import { programSchemaVersion } from '../core/storage/postgres/migrate.js';
import { AppError } from '../core/types/errors/app-error.js';

/** What a restore tells who asked for it. */
export interface Restored {
  readonly file: string;
  readonly createdAt: string;
  readonly rows: number;
  readonly stateDir: string;
  readonly database: { readonly kind: 'embedded' | 'external'; readonly location: string };
}

/**
 * Restores a backup into the database that the daemon will use afterwards, without serving anything. The daemon of this state directory
 * must not run.
 * @throws {AppError} DAEMON_ALREADY_RUNNING, BACKUP_INVALID, FILE_NOT_FOUND, SCHEMA_TOO_NEW, RESTORE_REFUSED; nothing has
 * changed then.
 */
export async function restoreDaemon(
  options: DaemonOptions & { readonly file: string },
  paths: StatePaths,
  migrations: string,
): Promise<Restored> {
  const file = path.resolve(options.file);
  const lock = await acquireStateLock(paths.stateDir);
  try {
    const backup = await verifyBackup(file, await programSchemaVersion(migrations));
    if (!options.yes) await requireNoFiles(backup, paths.stateDir);
    const config = await configAfterwards(backup, options, paths);
    const databaseUrl = config.get('database.url');
    const database = await openDatabase({
      ...(databaseUrl === undefined ? {} : { databaseUrl }),
      stateDir: paths.stateDir,
      logDir: paths.logDir,
      onTrouble: () => undefined,
    });
    try {
      await restoreBackup(backup, {
        connection: database.connection,
        stateDir: paths.stateDir,
        migrations,
        yes: options.yes,
        ownDaemonId: await ownDaemonId(paths.stateDir),
      });
    } finally {
      await database.close();
    }
    return {
      file,
      createdAt: backup.header.createdAt,
      rows: backup.rows,
      stateDir: paths.stateDir,
      database: { kind: database.kind, location: database.location },
    };
  } finally {
    await lock.release();
  }
}

async function requireNoFiles(backup: Backup, stateDir: string): Promise<void> {
  for (const name of BACKED_UP_FILES.filter((candidate) => backup.files.has(candidate))) {
    const file = path.join(stateDir, name);
    const stats = await stat(file).catch(() => undefined);
    if (stats) throw new AppError('RESTORE_REFUSED', `${file} exists already.`, { file });
  }
}

/** The configuration in force after the restore says which database that is. It is read, and so checked, before it is put in place. */
async function configAfterwards(
  backup: Backup,
  options: DaemonOptions,
  paths: StatePaths,
): Promise<Config> {
  const sources = { env: process.env, flags: options.flags };
  const content = backup.files.get('config.toml');
  if (content === undefined) return loadConfig({ ...sources, file: paths.configFile });
  const folder = await mkdtemp(path.join(paths.stateDir, '.restore-'));
  try {
    const file = path.join(folder, 'config.toml');
    await writeFile(file, content, { mode: 0o600 });
    return await loadConfig({ ...sources, file });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function ownDaemonId(stateDir: string): Promise<string | undefined> {
  const text = await readFile(path.join(stateDir, 'daemon.id'), 'utf8').catch(() => '');
  return text.trim() || undefined;
}
