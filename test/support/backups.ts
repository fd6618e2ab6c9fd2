import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Pool } from 'pg';

import { verifyBackup } from '../../src/core/storage/postgres/backup/records.js';
import { restoreBackup } from '../../src/core/storage/postgres/backup/restore.js';
import { programSchemaVersion } from '../../src/core/storage/postgres/migrate.js';
import { migrationsDirectory, type TestDatabase } from './postgres.js';

/** A folder of a test’s own, removed at the end of its scope. */
export async function temporaryFolder() {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'syntropy-storage-'));
  return {
    path: folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Restores a file as the daemon does: verified first. */
export async function restore(
  file: string,
  into: TestDatabase,
  stateDir: string,
  { yes = false, migrations = migrationsDirectory } = {},
): Promise<void> {
  const backup = await verifyBackup(file, await programSchemaVersion(migrations));
  await restoreBackup(backup, {
    connection: into.connection,
    stateDir,
    migrations,
    yes,
    ownDaemonId: undefined,
  });
}

/** Every row of every table and the state of every sequence, in an order of their own. */
export async function everything(pool: Pool): Promise<Readonly<Record<string, unknown>>> {
  const { rows: tables } = await pool.query<{ name: string; kind: string }>(`
    select relname as name, relkind as kind from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'S') and relname <> 'schema_migrations'
    order by relname`);
  const all: Record<string, unknown> = {};
  for (const { name, kind } of tables) {
    const columns = kind === 'S' ? 'last_value, is_called' : 't::text as row';
    const { rows } = await pool.query(`select ${columns} from ${name} as t order by 1`);
    all[name] = rows;
  }
  return all;
}

/** Rows in every table that a daemon fills, with values that are hard to carry as text. */
export async function fillEveryTable(pool: Pool): Promise<void> {
  const node = randomUUID();
  await pool.query(
    `insert into nodes (id, name, status, description, labels, provisioning, created_at)
     values ($1, 'node-01', 'online', $2, $3, $4, '2026-11-23 10:00:00.123456+02')`,
    [
      node,
      'tab\t newline\n quote " \\N back\\slash € 😀 {a,"b"} ',
      { ключ: 'значение', empty: '' },
      { nested: [1.5, null, { deep: true }], text: '\u2028' },
    ],
  );
  await pool.query(
    `insert into nodes (name, status, retired_at, description) values ('old~1', 'retired', 'infinity', '')`,
  );
  await pool.query(
    `insert into containers (node_id, name, image, status) values ($1, 'web', 'nginx', 'running')`,
    [node],
  );
  await pool.query(
    `insert into network_routes (source_node_id, destination_node_id) values ($1, $1)`,
    [node],
  );
  await pool.query(
    `insert into cooperative_credits (node_id, balance) values ($1, -9999999999999.99)`,
    [node],
  );
  await pool.query(
    `insert into operations (id, kind, status, subject, node_id, created_at, updated_at)
     values (gen_random_uuid(), 'nodes.create', 'succeeded', 'admin', $1, now(), now())`,
    [node],
  );
  await pool.query(
    `insert into join_tokens (id, token_hash, node_id, uses_left, expires_at, created_at, created_by)
     values (gen_random_uuid(), $2, $1, 1, now(), now(), 'admin')`,
    [node, Buffer.from([0, 255, 10, 13, 92, 128])],
  );
  await pool.query(
    `insert into keys (id, purpose, algorithm, public_pem, encrypted_private)
     values (gen_random_uuid(), 'ca', 'ES256', E'line\\nline\\n', $1)`,
    [Buffer.alloc(3000, 7)],
  );
  await pool.query(
    `insert into idempotency_keys (subject, key, operation, request_hash, expires_at)
     values ('admin', 'k', 'nodes.create', ''::bytea, now())`,
  );
  await pool.query(
    `insert into daemons (id, host, pid, started_at, heartbeat_at)
     values (gen_random_uuid(), 'host', 1, now(), now() - interval '1 hour')`,
  );
  await pool.query(
    `select append_event('node.created', 'node', $1, jsonb_build_object('n', n)) from generate_series(1, 1200) n`,
    [node],
  );
  await pool.query('delete from events where id <= 100');
  await pool.query('update events_pruned set cursor = 100');
}
