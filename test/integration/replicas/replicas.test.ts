import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';

// Goal: several daemons on one database are one, to whoever asks any of them.
describe('three daemons', () => {
  it('run a call with one key once, whichever is asked', async () => {
    await using world = await remoteWorld({ replicas: 3 });
    const ana = await world.signedIn('ana');
    const answers = await Promise.all(
      Array.from({ length: 12 }, async (_, n) =>
        world.replicas[n % 3]?.ask('POST', '/v1/tokens', {
          token: ana.accessToken,
          body: { name: 'ci', scopes: ['nodes:read'] },
          headers: { 'idempotency-key': 'once' },
        }),
      ),
    );

    const made = answers.filter((answer) => answer?.status === 201);
    const others = answers.filter((answer) => answer?.status !== 201);
    expect(new Set(made.map((answer) => answer?.body.token.id)).size).toBe(1);
    expect(others.every((answer) => answer?.body.code === 'IDEMPOTENCY_IN_PROGRESS')).toBe(true);
  });

  it('show a change at once, also in lists that are kept', async () => {
    await using world = await remoteWorld({ replicas: 3 });
    const ana = await world.signedIn('ana', { roles: ['admin'] });
    const { rows } = await world.database.pool.query<{ id: string }>(
      `insert into nodes (name, status) values ('node-01', 'provisioned') returning id`,
    );
    for (let n = 0; n < 30; n += 1) {
      const changed = world.replicas[n % 3];
      const asked = world.replicas[(n + 1) % 3];
      await changed?.ask('PATCH', `/v1/nodes/${rows[0]?.id}`, {
        token: ana.accessToken,
        body: { description: `change ${n}` },
      });
      const list = await asked?.ask('GET', '/v1/nodes', { token: ana.accessToken });
      expect(list?.body.nodes[0].description).toBe(`change ${n}`);
    }
  });

  it('let one change win when two are made of the same version', async () => {
    await using world = await remoteWorld({ replicas: 3 });
    const ana = await world.signedIn('ana', { roles: ['admin'] });
    await world.database.pool.query(
      `insert into nodes (name, status) values ('node-01', 'provisioned')`,
    );
    const read = await world.ask('GET', '/v1/nodes/node-01', { token: ana.accessToken });
    const etag = String(read.headers['etag']);

    const answers = await Promise.all(
      world.replicas.map((replica, n) =>
        replica.ask('PATCH', '/v1/nodes/node-01', {
          token: ana.accessToken,
          body: { description: `by ${n}` },
          headers: { 'if-match': etag },
        }),
      ),
    );

    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412, 412]);
    expect(answers.find(({ status }) => status === 412)?.body).toMatchObject({
      code: 'VERSION_CONFLICT',
      details: { version: 2 },
    });
    const unchanged = await world.ask('GET', '/v1/nodes/node-01', {
      token: ana.accessToken,
      headers: { 'if-none-match': '"2"' },
    });
    expect(unchanged.status).toBe(304);
  });

  it('take up the work of one that died, once', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const dead = randomUUID();
    await world.database.pool.query(
      `insert into daemons (id, host, pid, started_at, heartbeat_at)
       values ($1, 'gone', 1, now(), now() - interval '31 seconds')`,
      [dead],
    );
    await world.database.pool.query(
      `insert into operations (id, kind, status, subject, daemon_id, created_at, started_at, updated_at)
       values ($1, 'nodes.create', 'running', 'admin', $2, now(), now(), now())`,
      [randomUUID(), dead],
    );

    const operation = await waitFor(
      'the operation to be interrupted',
      async () => {
        const { operations } = await world.admin.call('operations.list', {});
        return operations.find(({ status }) => status === 'interrupted');
      },
      25_000,
    );

    expect(operation.error?.code).toBe('OPERATION_INTERRUPTED');
    const { rows } = await world.database.pool.query(
      `select from events where type = 'operation.ended'`,
    );
    expect(rows).toHaveLength(1);
  });
});
