import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { request } from 'node:http';
import { describe, expect, it } from 'vitest';

import { type DaemonWorld, daemonWorld } from '../../support/daemon-world.js';
import { openForTest } from '../../support/global-postgres.js';
import { scrape } from '../../support/scrape.js';
import { waitFor } from '../../support/wait-for.js';

const opsUrlOf = async ({ client }: DaemonWorld) => (await client.call('daemon.get', {})).opsUrl;

interface Sent {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Sends a request over the local socket, reads the answer to its end, and says its status. */
function send(
  { paths }: DaemonWorld,
  path: string,
  { method = 'GET', headers = {}, body }: Sent = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { socketPath: paths.socketPath, path, method, headers: { host: 'syntropy', ...headers } },
      (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** What was counted by now; the daemon counts when the answer is out, so a test may come a moment early. */
const requests = async (opsUrl: string, labels: Record<string, string>, wanted: number) =>
  waitFor(`${wanted} × ${JSON.stringify(labels)}`, async () => {
    const seen = await scrape(opsUrl);
    return seen.value('http_requests_total', labels) === wanted && seen;
  });

// Goal: the numbers of SPEC.md, right to the one, and no caller can make series of their own.
describe('http_requests_total', () => {
  it('counts by method, route template and status', async () => {
    await using world = await daemonWorld();
    const opsUrl = await opsUrlOf(world);

    for (const name of ['a', 'b', 'c']) await send(world, `/v1/nodes/${name}`);
    await send(world, '/v1/nodes?limit=2');
    await send(world, '/v1/nodes', { method: 'POST', body: 'no json' });

    const endpoint = '/v1/nodes/:node';
    await requests(opsUrl, { method: 'GET', endpoint, status: '404' }, 3);
    await requests(opsUrl, { method: 'GET', endpoint: '/v1/nodes', status: '200' }, 1);
    const seen = await requests(
      opsUrl,
      { method: 'POST', endpoint: '/v1/nodes', status: '400' },
      1,
    );
    const total = seen.series('http_requests_total').reduce((sum, { value }) => sum + value, 0);
    // And the question for the address of the metrics.
    expect(total).toBe(6);
  });

  it('counts what the door refuses, and what is not HTTP', async () => {
    await using world = await daemonWorld();
    const opsUrl = await opsUrlOf(world);

    await send(world, '/v1/nodes', { headers: { origin: 'http://localhost' } });
    const socket = connect(world.paths.socketPath);
    socket.end('no request at all\r\n\r\n').resume();
    await once(socket, 'close');

    await requests(opsUrl, { method: 'GET', endpoint: '/v1/nodes', status: '403' }, 1);
    const broken = { method: 'OTHER', endpoint: 'unmatched', status: '400' };
    const seen = await requests(opsUrl, broken, 1);
    expect(seen.series('http_requests_total')).toHaveLength(3);
  });

  it('has one series for all paths and methods that nobody knows', async () => {
    await using world = await daemonWorld();
    const opsUrl = await opsUrlOf(world);
    await send(world, '/v1/nodes');
    await requests(opsUrl, { endpoint: '/v1/nodes' }, 1);
    const before = (await scrape(opsUrl)).series('http_requests_total').length;

    const paths = Array.from({ length: 50 }, () => `/v1/${randomUUID()}`);
    await Promise.all(paths.map((path) => send(world, path)));
    for (const method of ['PROPFIND', 'MKCOL', 'SEARCH']) await send(world, '/v1/none', { method });

    await requests(opsUrl, { method: 'GET', endpoint: 'unmatched', status: '404' }, 50);
    const after = await requests(opsUrl, { method: 'OTHER', endpoint: 'unmatched' }, 3);
    expect(after.series('http_requests_total')).toHaveLength(before + 2);
    expect(after.text).not.toContain(paths[0]);
  });

  it('counts a stream when it ends, also when its reader just goes, and tells who follows', async () => {
    await using world = await daemonWorld();
    const opsUrl = await opsUrlOf(world);
    const stream = request({
      socketPath: world.paths.socketPath,
      path: '/v1/events/stream',
      headers: { host: 'syntropy', accept: 'text/event-stream' },
    });
    stream.on('error', () => undefined).end();
    await once(stream, 'response');

    const during = await waitFor('the follower', async () => {
      const seen = await scrape(opsUrl);
      return seen.value('syntropy_event_followers') === 1 && seen;
    });
    stream.destroy();

    expect(
      during.series('http_requests_total').map(({ labels }) => labels['endpoint']),
    ).not.toContain('/v1/events/stream');
    await requests(opsUrl, { method: 'GET', endpoint: '/v1/events/stream', status: '200' }, 1);
    await waitFor(
      'the follower to be gone',
      async () => (await scrape(opsUrl)).value('syntropy_event_followers') === 0,
    );
  });
});

const addNode = async ({ database }: DaemonWorld, name: string, status: string) => {
  const { rows } = await database.pool.query<{ id: string }>(
    'insert into nodes (name, status) values ($1, $2) returning id',
    [name, status],
  );
  return rows[0]?.id ?? '';
};

/** Cuts a world's database off, as a server that is gone: nobody is in, and nobody gets in. */
async function shutDatabase({ database }: DaemonWorld) {
  const name = /^postgres:\/\/\/([^?]+)/.exec(database.url)?.[1] ?? '';
  const admin = await openForTest(database.url.replace(name, 'postgres'));
  const allow = (allowed: boolean) =>
    admin.pool.query(`alter database ${name} with allow_connections ${allowed}`);
  await allow(false);
  await admin.pool.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1',
    [name],
  );
  return {
    open: () => allow(true),
    async [Symbol.asyncDispose]() {
      await allow(true);
      await admin.close();
    },
  };
}

// Goal: as SPEC.md has it. What is no longer so must not go on being told.
describe('node_status', () => {
  it('is 1 for the status that a node has, and follows it', async () => {
    await using world = await daemonWorld();
    const opsUrl = await opsUrlOf(world);
    const one = await addNode(world, 'one', 'online');
    const two = await addNode(world, 'two', 'offline');
    await addNode(world, 'gone', 'retired');

    const before = await scrape(opsUrl);
    await world.database.pool.query("update nodes set status = 'lost' where id = $1", [two]);
    await world.database.pool.query('delete from nodes where id = $1', [one]);
    const after = await waitFor('the change to be told', async () => {
      const seen = await scrape(opsUrl);
      return seen.value('node_status', { node_id: two, status: 'lost' }) === 1 && seen;
    });

    const told = (seen: typeof before) =>
      Object.fromEntries(
        seen
          .series('node_status')
          .map(({ labels, value }) => [labels['node_id'], [labels['status'], value]]),
      );
    expect(told(before)).toEqual({ [one]: ['online', 1], [two]: ['offline', 1] });
    expect(told(after)).toEqual({ [two]: ['lost', 1] });
    expect(after.value('syntropy_node_status_complete')).toBe(1);
  });

  it('is not told when the database is gone, while everything else is', async () => {
    await using world = await daemonWorld();
    const opsUrl = await opsUrlOf(world);
    await addNode(world, 'one', 'online');
    await using server = await shutDatabase(world);

    const seen = await scrape(opsUrl);
    const ready = await fetch(`${opsUrl}/readyz`);
    const live = await fetch(`${opsUrl}/livez`);
    await server.open();

    expect(seen.series('node_status')).toEqual([]);
    expect(seen.value('syntropy_scrape_collector_success', { collector: 'node_status' })).toBe(0);
    expect(seen.value('syntropy_build_info')).toBe(1);
    expect([ready.status, live.status]).toEqual([503, 200]);
    await waitFor('the node to be told of again', async () => {
      return (await scrape(opsUrl)).series('node_status').length === 1;
    });
    await waitFor('readiness', async () => (await fetch(`${opsUrl}/readyz`)).status === 200);
  });

  it('tells of ten thousand nodes at most, and says that there are more', async () => {
    await using world = await daemonWorld();
    const opsUrl = await opsUrlOf(world);
    await world.database.pool.query(
      "insert into nodes (name, status) select 'n' || i, 'online' from generate_series(1, 10001) i",
    );

    const seen = await scrape(opsUrl);

    expect(seen.series('node_status')).toHaveLength(10_000);
    expect(seen.value('syntropy_node_status_complete')).toBe(0);
  });
});

// Goal: what a daemon can do without is missed aloud, and stops nothing.
describe('a daemon whose Redis is gone', () => {
  it('is ready, degraded by name, and tells no secret', async () => {
    // Discard: nobody listens.
    const url = 'redis://:canary-4711@127.0.0.1:9';
    await using world = await daemonWorld({ config: { 'redis.url': url } });
    const opsUrl = await opsUrlOf(world);

    const seen = await waitFor('the loss to be seen', async () => {
      const found = await scrape(opsUrl);
      return found.value('syntropy_degraded', { part: 'redis' }) === 1 && found;
    });
    const ready = await fetch(`${opsUrl}/readyz`);
    const report = await ready.text();

    expect(ready.status).toBe(200);
    expect(JSON.parse(report)).toMatchObject({ status: 'degraded', degraded: ['redis'] });
    expect(`${report}${seen.text}`).not.toContain('canary');
  });
});

// Goal: from the numbers alone one sees which operation is slow and which fails.
describe('operations are measured', () => {
  it('by outcome, with the code of what went wrong', async () => {
    await using world = await daemonWorld();
    const opsUrl = await opsUrlOf(world);

    await world.client.call('nodes.list', {});
    await world.client.call('nodes.list', {});
    await expect(world.client.call('nodes.get', { node: 'none' })).rejects.toMatchObject({
      code: 'NODE_NOT_FOUND',
    });
    await world.database.pool.query('alter table nodes rename to hidden');
    await expect(world.client.call('nodes.get', { node: 'none' })).rejects.toMatchObject({
      code: 'INTERNAL',
    });

    const seen = await scrape(opsUrl);
    const count = (operation: string, outcome: string) =>
      seen.value('syntropy_operation_duration_seconds_count', { operation, outcome });
    const errors = seen
      .series('syntropy_operation_errors_total')
      .map(({ labels, value }) => [labels['operation'], labels['code'], value]);
    expect([count('nodes.list', 'ok'), count('nodes.list', 'failed')]).toEqual([2, 0]);
    expect([count('nodes.get', 'refused'), count('nodes.get', 'failed')]).toEqual([1, 1]);
    expect(errors).toEqual([
      ['nodes.get', 'NODE_NOT_FOUND', 1],
      ['nodes.get', 'INTERNAL', 1],
    ]);
    expect(
      seen.value('syntropy_operation_duration_seconds_bucket', {
        operation: 'nodes.list',
        outcome: 'ok',
        le: '30',
      }),
    ).toBe(2);
  });

  it('with the connections and the jobs behind them', async () => {
    await using world = await daemonWorld();
    const opsUrl = await opsUrlOf(world);
    const client = await world.database.pool.connect();
    try {
      const seen = await scrape(opsUrl);
      const active = seen.value('syntropy_database_connections', { state: 'active' }) ?? 0;

      expect(active).toBeGreaterThanOrEqual(1);
      expect(seen.value('syntropy_database_connections', { state: 'waiting' })).toBe(0);
      expect(seen.value('syntropy_jobs_running')).toBe(0);
      expect(seen.value('syntropy_websocket_connections')).toBe(0);
    } finally {
      client.release();
    }
  });
});

// Goal: an upgrade is a request, too, however it ends.
describe('WebSocket connections', () => {
  it('are counted when they open, while they are, and when they are refused', async () => {
    await using world = await daemonWorld();
    const opsUrl = await opsUrlOf(world);
    const upgrade = (headers: Record<string, string>) => {
      const socket = connect(world.paths.socketPath);
      socket.on('error', () => undefined).resume();
      const lines = Object.entries({
        Host: 'syntropy',
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        ...headers,
      }).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`GET /v1/ws HTTP/1.1\r\n${lines.join('')}\r\n`);
      return socket;
    };

    const open = upgrade({});
    upgrade({ Origin: 'https://elsewhere.example' });
    await requests(opsUrl, { method: 'GET', endpoint: '/v1/ws', status: '101' }, 1);
    const during = await requests(opsUrl, { method: 'GET', endpoint: '/v1/ws', status: '403' }, 1);
    open.destroy();

    expect(during.value('syntropy_websocket_connections')).toBe(1);
    await waitFor('the connection to be gone', async () => {
      return (await scrape(opsUrl)).value('syntropy_websocket_connections') === 0;
    });
  });
});

const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);

/** A node that has told all that a node can tell. */
async function addTellingNode(world: DaemonWorld): Promise<void> {
  const id = await addNode(world, 'one', 'online');
  const { pool } = world.database;
  await pool.query(
    `insert into node_agents (node_id, identity_key, wireguard_key, machine, approval, joined_at, last_seen_at)
     values ($1, sha256('a'), sha256('b'), sha256('c'), 'approved', now(), now())`,
    [id],
  );
  await pool.query(
    'insert into node_samples values ($1, now(), 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)',
    [id],
  );
}

// Goal: the page that people write their alerts from says what there is.
describe('docs/MONITORING.md', () => {
  it('lists every metric of ours, with its type and labels', async () => {
    await using world = await daemonWorld();
    const opsUrl = await opsUrlOf(world);
    await addTellingNode(world);
    await world.database.pool.query(
      `insert into containers (name, image, status) values ('web', 'nginx', 'running')`,
    );
    await expect(world.client.call('nodes.get', { node: 'none' })).rejects.toMatchObject({
      code: 'NODE_NOT_FOUND',
    });
    const page = await readFile('docs/MONITORING.md', 'utf8');
    const rows = [...page.matchAll(/^\| `(\w+)` +\| (\w+) +\| ([^|]*)\|/gm)].map((row) => ({
      name: row[1] ?? '',
      type: row[2],
      labels: [...(row[3] ?? '').matchAll(/`(\w+)`/g)].map(([, label]) => label),
    }));

    const seen = await scrape(opsUrl);

    const present = [...seen.text.matchAll(/^# TYPE (\w+) (\w+)$/gm)]
      .map(([, name = '', type]) => ({ name, type }))
      .filter(({ name }) => !/^(process|nodejs)_/.test(name))
      .map(({ name, type }) => {
        const [one] = seen.series(type === 'histogram' ? `${name}_count` : name);
        return { name, type, labels: one ? Object.keys(one.labels) : undefined };
      });
    // Of a part that can be missing there is none in this daemon, so its labels are not seen.
    expect(present.toSorted(byName)).toEqual(
      rows
        .map((row) => (row.name === 'syntropy_degraded' ? { ...row, labels: undefined } : row))
        .toSorted(byName),
    );
  });
});

// Goal: nobody sends work to a daemon that stops.
describe('a daemon that stops', () => {
  it('is unready at once, and answers probes until its requests are done', async () => {
    await using world = await daemonWorld();
    const opsUrl = await opsUrlOf(world);
    // A request whose body does not come holds the daemon for as long as it will wait.
    const held = connect(world.paths.socketPath);
    held.on('error', () => undefined).resume();
    held.write(
      'POST /v1/nodes HTTP/1.1\r\nHost: syntropy\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
    );
    await once(held, 'ready');
    await world.client.call('nodes.list', {});

    const stopped = world.restart();
    const report = await (await fetch(`${opsUrl}/readyz`)).json();
    held.destroy();
    await stopped;

    expect(report).toMatchObject({ status: 'unready', checks: { stopping: { status: 'failed' } } });
    await expect(fetch(`${opsUrl}/readyz`)).rejects.toThrow('fetch failed');
    const again = await fetch(`${await opsUrlOf(world)}/readyz`);
    expect(await again.json()).toMatchObject({ status: 'ready' });
  });
});
