import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

import type { SettingKey } from '../../../src/core/config/schema.js';

import { loadConfig } from '../../../src/core/config/load.js';
import { InfluxSampleSink } from '../../../src/core/storage/influx/sample-sink.js';
import { type InfluxTarget, influxTarget } from '../../../src/core/storage/influx/target.js';
import { InfluxWriter } from '../../../src/core/storage/influx/writer.js';
import { joinToken, madeUpReports, testAgent } from '../../support/agents.js';
import { startInflux } from '../../support/influx.js';
import { remoteWorld } from '../../support/remote-world.js';
import { missing } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';

const SECRET = 'canary-influx-token';
const node = { id: '018f6e2a-0000-7000-8000-000000000001', name: 'node-01' };

async function targetOf(flags: Partial<Record<SettingKey, string>>): Promise<InfluxTarget> {
  const target = influxTarget(await loadConfig({ file: '/nonexistent', env: {}, flags }));
  if (!target) throw new TypeError('There is to be none.');
  return target;
}

/** A writer that writes soon, with all that it counts and tells. */
function writerTo(target: InfluxTarget) {
  const counted = { written: 0, dropped: 0 };
  const told: string[] = [];
  const writer = new InfluxWriter({
    target,
    flushMs: 20,
    onTrouble: (what, details) => void told.push(`${what} ${JSON.stringify(details)}`),
  });
  writer.countWith({
    written: { add: (amount = 1) => void (counted.written += amount) },
    dropped: { add: (amount = 1) => void (counted.dropped += amount) },
  });
  return { writer, counted, told, [Symbol.asyncDispose]: () => writer.close() };
}

interface Received {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A server that notes what it is sent, and answers with a status. */
async function recorder(statusOf: () => number = () => 204) {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const { method, url, headers } = request;
    received.push({ method, url, headers, body: await text(request) });
    const status = statusOf();
    response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:9/' } : {});
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

// Goal: samples reach an InfluxDB as they are, and one that is away costs nothing but a bounded buffer.
describe.skipIf(missing('influx'))('a real InfluxDB 1', () => {
  it('holds what was written, under the names that nodes have', async () => {
    await using influx = await startInflux();
    const { url, name, password } = influx;
    const login = { 'influx.username': name, 'influx.password': password };
    await using to = writerTo(
      await targetOf({ 'influx.url': url, 'influx.database': 'grid', ...login }),
    );
    const at = new Date('2026-11-24T12:00:00.123Z');
    const sample = { cpuPercent: 12.5, memoryUsedBytes: Number.MAX_SAFE_INTEGER };
    const odd = { ...node, name: 'a b,c=d"e\\' };

    new InfluxSampleSink(to.writer).add(
      [
        { node, sample },
        { node: odd, sample: { load1: 1 } },
      ],
      at,
    );
    await waitFor('both lines to be written', () => to.counted.written === 2);

    const rows = await influx.query('select * from syntropy_node order by time');
    expect(rows).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          time: '2026-11-24T12:00:00.123Z',
          node: 'node-01',
          node_id: node.id,
          cpu_percent: 12.5,
          memory_used_bytes: Number.MAX_SAFE_INTEGER,
        }),
        expect.objectContaining({ node: 'a b,c=d"e/', load1: 1 }),
      ]),
    );
    expect(to.told).toEqual([]);
  }, 60_000);

  it('gets what waited while it was away, and is missed aloud once', async () => {
    await using influx = await startInflux();
    const { url, name, password } = influx;
    const login = { 'influx.username': name, 'influx.password': password };
    await using to = writerTo(
      await targetOf({ 'influx.url': url, 'influx.database': 'grid', ...login }),
    );
    await influx.stop();

    for (let n = 1; n <= 3; n += 1) to.writer.add([`m x=${n} ${n}`]);
    await waitFor('it to be missed', () => to.writer.state === 'degraded');
    await influx.start();
    await waitFor('it to be there again', () => to.counted.written === 3, 30_000);

    expect(await influx.query('select x from m')).toHaveLength(3);
    expect(to.told).toEqual([
      'InfluxDB takes no samples {"reason":"ECONNREFUSED"}',
      'InfluxDB takes samples again {}',
    ]);
    expect(to.writer.state).toBe('ok');
  }, 90_000);

  it('that refuses the password loses nothing, and the log learns no secret', async () => {
    await using influx = await startInflux();
    const login = { 'influx.username': influx.name, 'influx.password': SECRET };
    await using to = writerTo(
      await targetOf({ 'influx.url': influx.url, 'influx.database': 'grid', ...login }),
    );

    to.writer.add(['m x=1 1']);
    await waitFor('it to be missed', () => to.writer.state === 'degraded');

    await waitFor('the line to wait', () => to.writer.waiting === 1);
    expect(to.told).toEqual(['InfluxDB takes no samples {"reason":"status 401"}']);
  }, 60_000);
});

describe('an InfluxDB 2', () => {
  it('is written to as its documentation says', async () => {
    await using server = await recorder();
    await using to = writerTo(
      await targetOf({
        'influx.url': `${server.url}/behind/`,
        'influx.org': 'our grid',
        'influx.bucket': 'nodes&more',
        'influx.token': SECRET,
      }),
    );

    to.writer.add(['m x=1 1', 'm x=2 2']);
    await waitFor('the lines to be written', () => to.counted.written === 2);

    expect(server.received).toMatchObject([
      {
        method: 'POST',
        url: '/behind/api/v2/write?org=our+grid&bucket=nodes%26more&precision=ms',
        headers: {
          authorization: `Token ${SECRET}`,
          'content-type': 'text/plain; charset=utf-8',
        },
        body: 'm x=1 1\nm x=2 2',
      },
    ]);
  });
});

describe('a writer', () => {
  it('keeps the newest of what it cannot pass on, and counts the rest', async () => {
    await using to = writerTo(
      await targetOf({ 'influx.url': 'http://127.0.0.1:9', 'influx.database': 'grid' }),
    );

    for (let n = 0; n < 30; n += 1) {
      to.writer.add(Array.from({ length: 1_000 }, (_, line) => `m x=1 ${n * 1_000 + line}`));
    }
    await waitFor('it to be missed', () => to.writer.state === 'degraded');
    await waitFor('the buffer to be full', () => to.writer.waiting === 20_000);

    expect(to.counted).toEqual({ written: 0, dropped: 10_000 });
    expect(to.told).toHaveLength(1);
  });

  it('tries again with what came first at first', async () => {
    let asked = 0;
    let add: ((lines: readonly string[]) => void) | undefined;
    await using server = await recorder(() => {
      asked += 1;
      // While the first is under way.
      if (asked === 1) add?.(['m x=2 2']);
      return asked === 1 ? 503 : 204;
    });
    await using to = writerTo(
      await targetOf({ 'influx.url': server.url, 'influx.database': 'grid' }),
    );
    add = (lines) => to.writer.add(lines);

    to.writer.add(['m x=1 1']);
    await waitFor('both to be written', () => to.counted.written === 2);

    expect(server.received.map(({ body }) => body)).toEqual(['m x=1 1', 'm x=1 1\nm x=2 2']);
  });

  it('drops lines that will never be taken, and goes on with the next', async () => {
    let status = 400;
    await using server = await recorder(() => status);
    await using to = writerTo(
      await targetOf({ 'influx.url': server.url, 'influx.database': 'grid' }),
    );

    to.writer.add(['nonsense']);
    await waitFor('it to be dropped', () => to.counted.dropped === 1);
    status = 204;
    to.writer.add(['m x=1 1']);
    await waitFor('the next to be written', () => to.counted.written === 1);

    expect(server.received.map(({ body }) => body)).toEqual(['nonsense', 'm x=1 1']);
  });

  it('does not take its secret elsewhere', async () => {
    await using server = await recorder(() => 302);
    await using to = writerTo(
      await targetOf({
        'influx.url': server.url,
        'influx.database': 'grid',
        'influx.username': 'me',
        'influx.password': SECRET,
      }),
    );

    to.writer.add(['m x=1 1']);
    await waitFor('it to be missed', () => to.writer.state === 'degraded');

    expect(to.told[0]).toContain('status 302');
  });
});

describe('the settings', () => {
  it.each([
    [{ 'influx.url': 'http://127.0.0.1:8086' }],
    [{ 'influx.url': 'http://a', 'influx.database': 'a', 'influx.bucket': 'b' }],
    [{ 'influx.url': 'http://a', 'influx.bucket': 'b', 'influx.org': 'c' }],
    [{ 'influx.url': `http://me:${SECRET}@a`, 'influx.database': 'a' }],
  ] as const)('are refused when they do not say where: %j', async (flags) => {
    const failure = await targetOf(flags).catch((error: unknown) => error);

    expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(String(failure)).not.toContain(SECRET);
  });
});

describe('a daemon with an InfluxDB', () => {
  it('writes what a node told, and is ready but degraded without one', async () => {
    let status = 503;
    await using server = await recorder(() => status);
    await using world = await remoteWorld({
      config: { 'influx.url': server.url, 'influx.database': 'grid' },
    });
    await using agent = await testAgent({ reports: madeUpReports({}, { cpuPercent: 7 }) });
    await agent.join(await joinToken(world), 'node-02');
    await agent.run();
    const { opsUrl } = await world.admin.call('daemon.get', {});

    const report = await waitFor(
      'the daemon to be degraded',
      async () => {
        const body = await (await fetch(`${opsUrl}/readyz`)).text();
        return body.includes('"degraded":["influx"]') ? body : undefined;
      },
      30_000,
    );
    status = 204;
    const { rows } = await world.database.pool.query('select id from nodes');
    await waitFor('the sample', () => server.received.length > 1, 30_000);

    expect(report).toContain('"status":"degraded"');
    expect(server.received.at(-1)?.body).toMatch(
      new RegExp(`^syntropy_node,node_id=${rows[0].id},node=node-02 cpu_percent=7 \\d{13}`),
    );
  }, 90_000);
});
