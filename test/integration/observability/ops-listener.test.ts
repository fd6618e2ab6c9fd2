import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';

import { createMetrics } from '../../../src/daemon/observability/metrics.js';
import { listenForOps, type OpsOptions } from '../../../src/daemon/observability/ops-listener.js';
import { createReadiness } from '../../../src/daemon/observability/readiness.js';
import { waitFor } from '../../support/wait-for.js';

async function opsListener(over: Partial<OpsOptions> = {}) {
  const readiness = createReadiness({
    readSchemaVersion: async () => 1,
    schemaVersion: 1,
    parts: {},
  });
  const listener = await listenForOps({
    listen: '127.0.0.1:0',
    allowedHosts: ['metrics.grid.example'],
    metrics: createMetrics(),
    readiness,
    eventLoop: { lagMs: () => 0, isLive: () => true, stop: () => undefined },
    ...over,
  });
  const { port } = new URL(listener.url);
  return {
    ...listener,
    readiness,
    port: Number(port),
    async [Symbol.asyncDispose]() {
      await listener.close();
    },
  };
}

type Listener = Awaited<ReturnType<typeof opsListener>>;

/** What fetch does not let one say. */
function send(
  { port }: Listener,
  path: string,
  options: { method?: string; host?: string | undefined; body?: string } = {},
): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  const { method = 'GET', host = `127.0.0.1:${port}`, body } = options;
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, path, method, headers: { host } }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Writes bytes and answers with all that comes back until the other side closes. */
async function raw({ port }: Listener, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => (text += chunk));
  socket.on('error', () => undefined);
  socket.write(bytes);
  await once(socket, 'close');
  return text;
}

// Goal: whoever watches a daemon gets an answer, and nobody gets more than that.
describe('the ops listener', () => {
  it.each([
    ['/livez', 'application/json', '"status":"live"'],
    ['/readyz', 'application/json', '"status":"ready"'],
    ['/readyz?verbose', 'application/json', '"status":"ready"'],
    ['/metrics', 'text/plain; version=0.0.4; charset=utf-8', 'process_cpu_seconds_total'],
  ])('answers %s', async (path, type, text) => {
    await using listener = await opsListener();

    const answer = await send(listener, path);

    expect([answer.status, answer.headers['content-type']]).toEqual([200, type]);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body).toContain(text);
  });

  it('says 503 when the daemon is not live, and when it is not ready', async () => {
    await using listener = await opsListener({
      eventLoop: { lagMs: () => 9_000.4, isLive: () => false, stop: () => undefined },
    });
    listener.readiness.stop();

    const live = await send(listener, '/livez');
    const ready = await send(listener, '/readyz');

    expect([live.status, JSON.parse(live.body)]).toEqual([503, { status: 'late', lagMs: 9_000 }]);
    expect(ready.status).toBe(503);
    expect(JSON.parse(ready.body)).toMatchObject({
      status: 'unready',
      checks: { stopping: { status: 'failed' } },
    });
  });

  it('stays live when only its database is gone', async () => {
    await using listener = await opsListener({
      readiness: createReadiness({
        readSchemaVersion: () => Promise.reject(new TypeError('gone')),
        schemaVersion: 1,
        parts: {},
      }),
    });

    expect((await send(listener, '/livez')).status).toBe(200);
    expect((await send(listener, '/readyz')).status).toBe(503);
  });

  it.each([
    ['localhost', 200],
    ['LocalHost:9464', 200],
    ['10.0.3.17:9464', 200],
    ['[::1]:9464', 200],
    ['metrics.grid.example', 200],
    ['rebound.attacker.example', 403],
    ['127.0.0.1.attacker.example', 403],
    ['localhost.attacker.example:9464', 403],
    ['metrics.grid.example.attacker.example', 403],
  ])('answers for the host "%s" with %i', async (host, status) => {
    await using listener = await opsListener();

    for (const path of ['/metrics', '/readyz', '/livez', '/']) {
      const answer = await send(listener, path, { host });
      expect([path, answer.status]).toEqual([path, path === '/' && status === 200 ? 404 : status]);
    }
  });

  it('does not answer for no host at all', async () => {
    await using listener = await opsListener();

    const ask = (version: string, host: string) =>
      raw(listener, `GET /livez HTTP/${version}\r\n${host}Connection: close\r\n\r\n`);

    expect(await ask('1.1', 'Host:\r\n')).toMatch(/^HTTP\/1\.1 403 /);
    expect(await ask('1.0', '')).toMatch(/^HTTP\/1\.1 403 /);
    expect(await ask('1.1', '')).toMatch(/^HTTP\/1\.1 400 /);
  });

  it.each(['POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS'])('does not serve %s', async (method) => {
    await using listener = await opsListener();

    const answer = await send(listener, '/metrics', { method });

    expect([answer.status, answer.headers['allow']]).toEqual([405, 'GET']);
    expect(answer.headers['connection']).toBe('close');
  });

  it('cuts off a header without end, and one that is too large', async () => {
    await using listener = await opsListener();

    const slow = raw(listener, 'GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    const large = await raw(
      listener,
      `GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(9_000)}\r\n\r\n`,
    );

    expect(large).toMatch(/^HTTP\/1\.1 431 /);
    expect(await slow).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('lets in no more than sixty-four at once', async () => {
    await using listener = await opsListener();
    const sockets = Array.from({ length: 64 }, () => connect(listener.port, '127.0.0.1'));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    for (const socket of sockets) socket.on('error', () => undefined);

    await expect(send(listener, '/livez')).rejects.toMatchObject({ code: 'ECONNRESET' });
    const gone = sockets.map((socket) => once(socket, 'close'));
    for (const socket of sockets) socket.destroy();
    await Promise.all(gone);

    expect((await send(listener, '/livez')).status).toBe(200);
  });

  it('writes the metrics once for all who ask, and seldom', async () => {
    const metrics = createMetrics();
    let reads = 0;
    metrics.gauge({ name: 'reads', help: 'Reads.' }, () => (reads += 1));
    await using listener = await opsListener({ metrics });

    const answers = await Promise.all(Array.from({ length: 40 }, () => send(listener, '/metrics')));
    const fresh = await waitFor('another look', async () => {
      const { body } = await send(listener, '/metrics');
      return body.includes('\nreads 2\n') && body;
    });

    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    expect(fresh).not.toBe(answers[0]?.body);
  });

  it('closes in a bounded time, whoever holds it open', async () => {
    const listener = await opsListener();
    const held = raw(listener, 'GET /livez HTTP/1.1\r\nHost: localhost\r\n');
    expect((await send(listener, '/livez')).status).toBe(200);

    const from = performance.now();
    await listener.close();
    // Before the time that is given to a slow header is over.
    expect(performance.now() - from).toBeLessThan(3_000);
    await held;

    await expect(send(listener, '/livez')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it.each([
    ['an address that is taken', (taken: Listener) => `127.0.0.1:${taken.port}`],
    ['an address of another host', () => '192.0.2.1:9464'],
    ['a port that is none', () => '127.0.0.1:70000'],
  ])('refuses %s', async (_, listen) => {
    await using taken = await opsListener();

    await expect(opsListener({ listen: listen(taken) })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      details: { key: 'ops.listen' },
    });
  });

  it.each([
    ['0.0.0.0:0', /^http:\/\/127\.0\.0\.1:\d+$/],
    ['[::1]:0', /^http:\/\/\[::1\]:\d+$/],
    ['localhost:0', /^http:\/\/(127\.0\.0\.1|\[::1\]):\d+$/],
  ])('on %s says where this host reaches it', async (listen, url) => {
    await using listener = await opsListener({ listen });

    expect(listener.url).toMatch(url);
    expect((await fetch(`${listener.url}/livez`)).status).toBe(200);
  });
});
