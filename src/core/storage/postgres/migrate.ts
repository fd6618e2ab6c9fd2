import type { Pool, PoolClient } from 'pg';

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../../types/errors/app-error.js';

/** Held while migrating, so that replicas that start together migrate once. Any number, the same in all versions. */
const LOCK = 7_310_584_389;

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sqlText: string;
  readonly checksum: string;
}

/**
 * Brings the schema to this program's version: forward SQL files, each in its own transaction, in order.
 * @param upTo - stops after this version; for restoring an older backup.
 * @returns the version of the schema afterwards.
 * @throws {AppError} SCHEMA_TOO_NEW, or CONFIG_INVALID when an applied migration differs from the program's.
 */
export async function migrate(pool: Pool, directory: string, upTo = Infinity): Promise<number> {
  const migrations = await readMigrations(directory);
  const client = await pool.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    await client.query(`create table if not exists schema_migrations (
      version integer primary key, name text not null, checksum text not null,
      applied_at timestamptz not null default now())`);
    const { rows } = await client.query<{ version: number; checksum: string }>(
      'select version, checksum from schema_migrations order by version',
    );
    checkHistory(rows, migrations);
    const pending = migrations.filter((m) => m.version > rows.length && m.version <= upTo);
    for (const migration of pending) await apply(client, migration);
    return rows.length + pending.length;
  } finally {
    await client.query('select pg_advisory_unlock($1)', [LOCK]).catch(() => undefined);
    client.release();
  }
}

/** The version that this program's migrations lead to. */
export async function programSchemaVersion(directory: string): Promise<number> {
  return (await readMigrations(directory)).length;
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

async function apply(client: PoolClient, migration: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(migration.sqlText);
    await client.query(
      'insert into schema_migrations (version, name, checksum) values ($1, $2, $3)',
      [migration.version, migration.name, migration.checksum],
    );
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
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
