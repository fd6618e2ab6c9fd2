import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';

import { AppError } from '../../../types/errors/app-error.js';
import { errorCode } from '../../../types/errors/error-code.js';
import {
  listSequences,
  listTables,
  MIGRATIONS_TABLE,
  type Table,
  TEXT_SETTINGS,
} from './catalog.js';
import { writeContainer } from './container.js';
import { BACKED_UP_FILES, FORMAT_VERSION } from './records.js';

const FETCH_ROWS = 500;
const CONNECT_TIMEOUT_MS = 10_000;
const QUERY_TIMEOUT_MS = 10 * 60_000;

export interface BackupSource {
  readonly connection: pg.ClientConfig;
  readonly stateDir: string;
}

export interface BackupSummary {
  readonly path: string;
  readonly sizeBytes: number;
  readonly rows: number;
  readonly schemaVersion: number;
}

/**
 * Writes database, master key and configuration into one file that only this user can read. The database is seen as it was at
 * one instant; daemons go on working meanwhile. The file appears under its name when it is complete.
 *
 * The master key is in it when it is a file of the state directory. One that came from the environment is not: whoever
 * keeps it elsewhere keeps it out of backups too.
 * @throws {AppError} OUTPUT_EXISTS, FILE_NOT_FOUND (no such folder), DEVICE_PERMISSION, DISK_FULL.
 */
export async function createBackup(
  source: BackupSource,
  file: string,
  options: { readonly replace?: boolean; readonly signal?: AbortSignal } = {},
): Promise<BackupSummary> {
  await requireFree(file, options.replace ?? false);
  const temporary = `${file}.${randomUUID()}.tmp`;
  const client = new pg.Client({
    ...source.connection,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    application_name: 'syntropy-backup',
  });
  // A connection that breaks between two queries fails the next one.
  client.on('error', () => undefined);
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await client.connect();
      const counted = { rows: 0, schemaVersion: 0 };
      await writeContainer(handle, lines(client, source.stateDir, counted), options.signal);
      const { size } = await handle.stat();
      await requireFree(file, options.replace ?? false);
      await rename(temporary, file);
      return { path: file, sizeBytes: size, ...counted };
    } finally {
      await handle.close();
    }
  } catch (error) {
    await rm(temporary, { force: true });
    throw explain(error, file);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function* lines(
  client: pg.Client,
  stateDir: string,
  counted: { rows: number; schemaVersion: number },
): AsyncGenerator<string> {
  await client.query('begin isolation level repeatable read, read only');
  await client.query(TEXT_SETTINGS);
  counted.schemaVersion = await schemaVersion(client);
  yield line({
    format: 'syntropy-backup',
    formatVersion: FORMAT_VERSION,
    schemaVersion: counted.schemaVersion,
    createdAt: new Date().toISOString(),
  });
  for (const name of BACKED_UP_FILES) {
    const content = await readIfThere(path.join(stateDir, name));
    if (content !== undefined) yield line({ file: name, content });
  }
  for (const table of await listTables(client)) {
    yield line({ table: table.name, columns: table.columns.map((column) => column.name) });
    for await (const rows of readTable(client, table)) {
      counted.rows += rows.length;
      yield rows.map(line).join('');
    }
  }
  for (const name of await listSequences(client)) {
    const { rows } = await client.query<{ last: string; called: boolean }>(
      `select last_value::text as last, is_called as called from ${pg.escapeIdentifier(name)}`,
    );
    const [state] = rows;
    if (state) yield line({ sequence: name, lastValue: state.last, isCalled: state.called });
  }
  yield line({ end: true, rows: counted.rows });
  await client.query('commit');
}

/** A table in pieces, through a cursor: however large it is, one piece is in memory. */
async function* readTable(client: pg.Client, table: Table): AsyncGenerator<readonly unknown[]> {
  const columns = table.columns.map(({ name }) => `${pg.escapeIdentifier(name)}::text`).join(', ');
  await client.query(
    `declare piece no scroll cursor for select ${columns} from ${pg.escapeIdentifier(table.name)}`,
  );
  for (;;) {
    const { rows } = await client.query<unknown[]>({
      text: `fetch ${FETCH_ROWS} from piece`,
      rowMode: 'array',
    });
    if (rows.length > 0) yield rows;
    if (rows.length < FETCH_ROWS) break;
  }
  await client.query('close piece');
}

async function schemaVersion(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    `select max(version) as version from ${MIGRATIONS_TABLE}`,
  );
  return rows[0]?.version ?? 0;
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

async function readIfThere(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
}

async function requireFree(file: string, replace: boolean): Promise<void> {
  const stats = await stat(file).catch(() => undefined);
  if (!stats || (replace && stats.isFile())) return;
  throw new AppError('OUTPUT_EXISTS', `${file} exists already.`, { path: file });
}

function explain(error: unknown, file: string): unknown {
  const details = { path: file };
  switch (errorCode(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new AppError('FILE_NOT_FOUND', `There is no folder ${path.dirname(file)}.`, details);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new AppError('DEVICE_PERMISSION', `${file} may not be written.`, details);
    case 'ENOSPC':
    case 'EDQUOT':
      return new AppError('DISK_FULL', `There is no room for ${file}.`, details);
    default:
      return error;
  }
}
