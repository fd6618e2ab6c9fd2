import { appendFile, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { migrate, programSchemaVersion } from '../../../src/core/storage/postgres/migrate.js';
import { freshDatabase, migrationsDirectory, testDatabases } from '../../support/postgres.js';

/** A copy of the program’s migrations that a test may change. */
async function ownMigrations() {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'syntropy-migrations-'));
  await cp(migrationsDirectory, directory, { recursive: true });
  return {
    directory,
    first: path.join(directory, '0001-foundation.sql'),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

// Goal: every database of a grid has the schema of its program, or the daemon does not start.
describe.each(testDatabases())('migrating on %s', (server) => {
  it('makes the tables, types and keys of the specification', async () => {
    await using database = await freshDatabase(server, { empty: true });

    await migrate(database.pool, migrationsDirectory);

    const { rows } = await database.pool.query<{ column: string }>(`
      select table_name || '.' || column_name || ' ' || data_type
             || coalesce('(' || character_maximum_length || ')', '')
             || case when data_type = 'numeric' then '(' || numeric_precision || ',' || numeric_scale || ')' else '' end
             as column
      from information_schema.columns
      where table_name in ('nodes', 'containers', 'network_routes', 'cooperative_credits')`);
    expect(rows.map((row) => row.column)).toEqual(
      expect.arrayContaining([
        'nodes.id uuid',
        'nodes.name character varying(255)',
        'nodes.status character varying(50)',
        'nodes.hardware_info jsonb',
        'nodes.network_config jsonb',
        'nodes.created_at timestamp with time zone',
        'nodes.updated_at timestamp with time zone',
        'containers.node_id uuid',
        'containers.image character varying(255)',
        'containers.config jsonb',
        'network_routes.source_node_id uuid',
        'network_routes.destination_node_id uuid',
        'network_routes.config jsonb',
        'cooperative_credits.balance numeric(15,2)',
        'cooperative_credits.last_transaction_at timestamp with time zone',
      ]),
    );
  });

  it('deletes the containers of a node with it, and keeps a node that routes or credits refer to', async () => {
    await using database = await freshDatabase(server);
    const { pool } = database;
    await pool.query(`insert into nodes (name, status) values ('a', 'online'), ('b', 'online')`);
    await pool.query(
      `insert into containers (node_id, name, image, status) select id, 'on-' || name, 'nginx', 'running' from nodes`,
    );
    await pool.query(
      `insert into cooperative_credits (node_id) select id from nodes where name = 'b'`,
    );

    await pool.query(`delete from nodes where name = 'a'`);

    const { rows } = await pool.query('select count(*)::int as count from containers');
    expect(rows).toEqual([{ count: 1 }]);
    await expect(pool.query(`delete from nodes where name = 'b'`)).rejects.toMatchObject({
      code: '23503',
    });
  });

  it('happens once when ten daemons start together', async () => {
    await using database = await freshDatabase(server, { empty: true });

    const versions = await Promise.all(
      Array.from({ length: 10 }, () => migrate(database.pool, migrationsDirectory)),
    );

    const newest = await programSchemaVersion(migrationsDirectory);
    expect(versions).toEqual(versions.map(() => newest));
    const { rows } = await database.pool.query('select version from schema_migrations');
    expect(rows).toHaveLength(newest);
  });

  it('refuses a schema newer than the program, and changes nothing', async () => {
    await using database = await freshDatabase(server);
    await database.pool.query(
      `insert into schema_migrations (version, name, checksum) values (999, 'future', '')`,
    );

    await expect(migrate(database.pool, migrationsDirectory)).rejects.toMatchObject({
      code: 'SCHEMA_TOO_NEW',
      details: { schemaVersion: 999 },
    });
  });

  it('refuses a database whose migrations were others', async () => {
    await using database = await freshDatabase(server);
    await using migrations = await ownMigrations();
    await appendFile(migrations.first, '\n-- edited after it was applied\n');

    await expect(migrate(database.pool, migrations.directory)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      details: { version: 1 },
    });
  });

  it('undoes a migration that fails half way, keeps those before it and lets others migrate', async () => {
    await using database = await freshDatabase(server, { empty: true });
    await using migrations = await ownMigrations();
    const version = (await programSchemaVersion(migrationsDirectory)) + 1;
    const next = path.join(migrations.directory, `${String(version).padStart(4, '0')}-next.sql`);
    await writeFile(next, 'create table half (id int); select 1 / 0;');

    await expect(migrate(database.pool, migrations.directory)).rejects.toMatchObject({
      code: '22012',
    });

    const { rows } = await database.pool.query(`select to_regclass('half') as half`);
    expect(rows).toEqual([{ half: null }]);
    await writeFile(next, 'create table whole (id int)');
    expect(await migrate(database.pool, migrations.directory)).toBe(version);
  });
});
