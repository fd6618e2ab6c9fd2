import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';

import type { OpenDatabase } from '../../src/core/storage/postgres/database.js';

import { databaseUrl, migrationsDirectory, openForTest, TEMPLATE } from './global-postgres.js';
import { missing } from './requirements.js';

export { migrationsDirectory };

/** What every storage test runs on: the embedded server, and an older one as DATABASE_URL may name. */
export type ServerName = 'embedded' | 'PostgreSQL 15';

/** A database of one test’s own, open and removed again at the end of its scope. */
export interface TestDatabase extends OpenDatabase, AsyncDisposable {
  readonly url: string;
}

/** Servers to run a suite on: `describe.each(testDatabases())('… on %s', (server) => …)`. */
export function testDatabases(): readonly ServerName[] {
  return missing('postgres') ? ['embedded'] : ['embedded', 'PostgreSQL 15'];
}

/** Makes a migrated database of the test’s own, in about 100 ms. `empty` leaves the schema out. */
export async function freshDatabase(
  server: ServerName = 'embedded',
  { empty = false }: { empty?: boolean } = {},
): Promise<TestDatabase> {
  const base = inject('postgres').servers[server];
  if (base === undefined) throw new Error(`No server ${server} was started for this run.`);
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await asAdmin(base, `create database ${name} template ${empty ? 'template0' : TEMPLATE}`);
  const url = databaseUrl(base, name);
  const database = await openForTest(url);
  return {
    ...database,
    url,
    async [Symbol.asyncDispose]() {
      await database.close();
      await asAdmin(base, `drop database if exists ${name} with (force)`);
    },
  };
}

async function asAdmin(base: string, statement: string): Promise<void> {
  await using admin = await openForTest(databaseUrl(base, 'postgres'));
  await admin.pool.query(statement);
}
