import type { ClientBase, Pool } from 'pg';

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../../types/errors/app-error.js';

/** Held while migrating, so that replicas that start together migrate once. Any number, the same in all versions. */
const LOCK = 7_310_584_389;
/** Later steps may have large tables to change. */
const TIMEOUT_MS = 10 * 60_000;

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sqlText: string;
  readonly checksum: string;
}

/**
 * Brings the schema to this program's version: forward SQL files, each in its own transaction, in order.
 * @returns the version of the schema afterwards.
 * @throws {AppError} SCHEMA_TOO_NEW, or CONFIG_INVALID when an applied migration differs from the program's.
 */
export async function migrate(pool: Pool, directory: string): Promise<number> {
  const migrations = await readMigrations(directory);
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await run(client, `set statement_timeout = ${TIMEOUT_MS}`);
    await run(client, `select pg_advisory_lock(${LOCK})`);
    const { pending, version } = await findPending(client, migrations);
    for (const migration of pending) await applyAlone(client, migration);
    return version;
  } finally {
    await run(client, `select pg_advisory_unlock(${LOCK}); reset statement_timeout`).catch(
      (error: unknown) => {
        broken = error instanceof Error ? error : new Error('unlock failed', { cause: error });
      },
    );
    // One that could not unlock is closed, which unlocks.
    client.release(broken);
  }
}

/**
 * The same within a transaction of the caller's, to be seen by others with its commit or never.
 * @param upTo - stops after this version.
 */
export async function migrateInTransaction(
  client: ClientBase,
  directory: string,
  upTo = Infinity,
): Promise<void> {
  await run(client, `set local statement_timeout = ${TIMEOUT_MS}`);
  await run(client, `select pg_advisory_xact_lock(${LOCK})`);
  const { pending } = await findPending(client, await readMigrations(directory));
  for (const migration of pending) if (migration.version <= upTo) await apply(client, migration);
}

/** The version that this program's migrations lead to. */
export async function programSchemaVersion(directory: string): Promise<number> {
  return (await readMigrations(directory)).length;
}

async function findPending(
  client: ClientBase,
  known: readonly Migration[],
): Promise<{ pending: readonly Migration[]; version: number }> {
  await run(
    client,
    `create table if not exists schema_migrations (
      version integer primary key, name text not null, checksum text not null,
      applied_at timestamptz not null default now())`,
  );
  const { rows } = await client.query<{ version: number; checksum: string }>(
    'select version, checksum from schema_migrations order by version',
  );
  checkHistory(rows, known);
  return { pending: known.slice(rows.length), version: known.length };
}

function checkHistory(
  applied: readonly { version: number; checksum: string }[],
  known: readonly Migration[],
): void {
  const newest = applied.at(-1)?.version ?? 0;
  if (newest > known.length) {
    throw new AppError(
      'SCHEMA_TOO_NEW',
      `The database has schema ${newest}; this program knows up to ${known.length}.`,
      { schemaVersion: newest, programVersion: known.length },
    );
  }
  for (const { version, checksum } of applied) {
    const migration = known[version - 1];
    if (migration?.checksum === checksum) continue;
    throw new AppError(
      'CONFIG_INVALID',
      `Migration ${version} in the database is not this program's. Is this another program's database?`,
      { version },
    );
  }
}

async function applyAlone(client: ClientBase, migration: Migration): Promise<void> {
  await run(client, 'begin');
  try {
    await apply(client, migration);
    await run(client, 'commit');
  } catch (error) {
    await run(client, 'rollback');
    throw error;
  }
}

async function apply(client: ClientBase, migration: Migration): Promise<void> {
  await run(client, migration.sqlText);
  await client.query(
    'insert into schema_migrations (version, name, checksum) values ($1, $2, $3)',
    [migration.version, migration.name, migration.checksum],
  );
}

async function run(client: ClientBase, text: string): Promise<void> {
  // The driver has a limit of its own for each query, which this lifts to the server's.
  const query = { text, query_timeout: TIMEOUT_MS };
  await client.query(query);
}

async function readMigrations(directory: string): Promise<readonly Migration[]> {
  const files = (await readdir(directory)).filter((file) => file.endsWith('.sql')).toSorted();
  return Promise.all(
    files.map(async (file) => {
      const sqlText = await readFile(path.join(directory, file), 'utf8');
      return {
        version: Number(file.slice(0, 4)),
        name: file.slice(5, -4),
        sqlText,
        checksum: createHash('sha256').update(sqlText).digest('hex'),
      };
    }),
  );
}
