import type { PostgresPool, PostgresPoolClient } from 'kysely';

import pg from 'pg';

import { AppError } from '../../types/errors/app-error.js';

/**
 * SQLSTATE classes of a server that cannot serve now: connection exceptions, shut down or starting, too many connections, cannot write
 * (https://www.postgresql.org/docs/current/errcodes-appendix.html).
 */
const AWAY = /^(08|57P0[1-5]|53300|25006)/;

/** A pool whose failures to reach the server are DATABASE_UNAVAILABLE, so that every caller gets to know what to wait for. */
export function withTypedFailures(pool: pg.Pool): PostgresPool {
  const known = new WeakMap<pg.PoolClient, PostgresPoolClient>();
  return {
    options: pool.options,
    end: () => pool.end(),
    async connect() {
      const client = await pool.connect().catch(unavailable);
      const wrapped = known.get(client) ?? wrap(client);
      known.set(client, wrapped);
      return wrapped;
    },
  };
}

function wrap(client: pg.PoolClient): PostgresPoolClient {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of the two ways to query, cursors are not used here
  return {
    query: (text: string, values: unknown[]) => client.query(text, values).catch(unavailable),
    release: (destroy?: boolean) => client.release(destroy),
  } as unknown as PostgresPoolClient;
}

/** What the server did not say itself went wrong on the way to it. */
function unavailable(error: unknown): never {
  const isServers = error instanceof pg.DatabaseError;
  if (isServers && !AWAY.test(error.code ?? '')) throw error;
  throw new AppError(
    'DATABASE_UNAVAILABLE',
    'The database cannot be reached at this moment.',
    {},
    { cause: error },
  );
}
