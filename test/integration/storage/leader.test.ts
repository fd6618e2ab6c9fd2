import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import pg, { type ClientConfig } from 'pg';
import { describe, expect, it } from 'vitest';

import { seekLeadership } from '../../../src/core/storage/postgres/leader.js';
import { freshDatabase } from '../../support/postgres.js';
import { waitFor } from '../../support/wait-for.js';

const QUICK = { tryMs: 50, timeoutMs: 1_500 };

/** A way to a server whose ends can be cut one by one. */
async function openLine(connection: ClientConfig) {
  const { host, port, user, database, password } = new pg.Client(connection);
  const pairs: { readonly near: Socket; readonly far: Socket }[] = [];
  const server = createServer((near) => {
    const far = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
    near.pipe(far);
    far.pipe(near);
    for (const socket of [near, far]) socket.on('error', () => undefined);
    pairs.push({ near, far });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    pairs,
    through: {
      host: '127.0.0.1',
      port: listeningOn(server),
      user,
      database,
      password: password ?? '',
    },
    [Symbol.asyncDispose]: async () => {
      for (const { near, far } of pairs) for (const socket of [near, far]) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listeningOn(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

// Goal: of all daemons on one database one does what is done once, whatever becomes of connections.
describe('leadership', () => {
  it('is of one, and passes to another when that one ends', async () => {
    await using database = await freshDatabase();
    const first = seekLeadership(database.connection, QUICK);
    await waitFor('the first to lead', () => first.leads);
    const second = seekLeadership(database.connection, QUICK);

    const both = second.leads;
    await first.close();
    await waitFor('the second to lead', () => second.leads);
    await second.close();

    expect(both).toBe(false);
  });

  it('is taken up again by one whose connection fell silent, and held once', async () => {
    await using database = await freshDatabase();
    await using line = await openLine(database.connection);
    const leadership = seekLeadership(line.through, QUICK);
    await waitFor('it to lead', () => leadership.leads);
    const old = line.pairs.at(-1);

    // Falls silent, is given up, and the server lets go of it; only then its own end is told.
    old?.near.unpipe().pause();
    old?.far.unpipe().pause();
    await waitFor('it to notice', () => !leadership.leads);
    old?.far.destroy();
    await waitFor('it to lead again', () => leadership.leads);
    old?.near.destroy();
    await waitFor('its end to be told', () => old?.near.closed);

    const { rows } = await database.pool.query(
      `select count(*)::int as held from pg_locks where locktype = 'advisory' and granted`,
    );
    expect(rows).toEqual([{ held: 1 }]);
    await expect(waitFor('it to lead no more', () => !leadership.leads, 1_000)).rejects.toThrow(
      'in vain',
    );
    await leadership.close();
  });
});
