import { once } from 'node:events';
import { createServer } from 'node:net';
import os from 'node:os';
import { describe, expect, it } from 'vitest';

import { openDatabase } from '../../../src/core/storage/postgres/database.js';
import { freshDatabase, testDatabases } from '../../support/postgres.js';
import { waitFor } from '../../support/wait-for.js';

const SECRET = 'open-sesame';

function options(databaseUrl: string, onTrouble: (what: string) => void = () => undefined) {
  return { databaseUrl, stateDir: os.tmpdir(), logDir: os.tmpdir(), onTrouble };
}

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new TypeError('No port.');
  return address.port;
}

// Goal: a database that cannot be used is named with its reason and without its password.
describe('opening a database', () => {
  it('says that a server is not there, without its password', async () => {
    const url = `postgres://ana:${SECRET}@127.0.0.1:${await closedPort()}/grid`;

    const failure = await openDatabase(options(url)).catch((error: unknown) => error);

    expect(failure).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    expect(String(failure)).toContain('ECONNREFUSED');
    expect(JSON.stringify(failure) + String(failure)).not.toContain(SECRET);
  });

  it.each(['mysql://ana:open-sesame@host/grid', 'open-sesame', 'postgres://ana:open-sesame@:x/'])(
    'refuses %s as no address of PostgreSQL, without quoting it',
    async (url) => {
      const failure = await openDatabase(options(url)).catch((error: unknown) => error);

      expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
      expect(JSON.stringify(failure) + String(failure)).not.toContain(SECRET);
    },
  );
});

describe.each(testDatabases())('an open database on %s', (server) => {
  it('outlives the loss of its connections', async () => {
    await using database = await freshDatabase(server);
    const troubles: string[] = [];
    const mine = await openDatabase(options(database.url, (what) => troubles.push(what)));
    try {
      const { rows } = await mine.pool.query('select pg_backend_pid() as pid');
      await database.pool.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
      await waitFor('the loss to be noticed', () => troubles.includes('connection lost'));

      const again = await mine.pool.query('select 1 as n');

      expect(again.rows).toEqual([{ n: 1 }]);
    } finally {
      await mine.close();
    }
  });

  it('leaves no connection behind when it is closed', async () => {
    await using database = await freshDatabase(server);
    const mine = await openDatabase(options(database.url));
    await mine.pool.query('select 1');

    await mine.close();

    const { rows } = await database.pool.query(
      `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
       and state is not null`,
    );
    expect(rows.length).toBeLessThanOrEqual(1);
  });

  it('tells its version and place, and limits how long a statement may take', async () => {
    await using database = await freshDatabase(server);

    expect(Number.parseInt(database.version, 10)).toBeGreaterThanOrEqual(15);
    expect(database.location).not.toContain('user');
    const { rows } = await database.pool.query('show statement_timeout');
    expect(rows).toEqual([{ statement_timeout: '30s' }]);
  });
});
