import { request } from 'node:http';
import { stat } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { type DaemonWorld, daemonWorld } from '../../support/daemon-world.js';

interface Raw {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: { code?: string; paths?: Record<string, object> };
}

function send(
  world: DaemonWorld,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Raw> {
  const { method = 'GET', headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        socketPath: world.paths.socketPath,
        path,
        method,
        headers: { host: 'syntropy', ...headers },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            type: response.headers['content-type'],
            // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what it holds is what is tested
            body: JSON.parse(text) as Raw['body'],
          }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const json = { 'content-type': 'application/json' };

// Goal: whoever can open the socket is its administrator, and a browser never is.
describe('the local socket', () => {
  it('belongs to its user alone', async () => {
    await using world = await daemonWorld();

    expect((await stat(world.paths.socketPath)).mode & 0o777).toBe(0o600);
    expect((await stat(world.paths.stateDir)).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['an origin', { origin: 'http://localhost' }],
    ['a referer', { referer: 'http://localhost/' }],
    ['another host', { host: 'localhost' }],
    ['a rebound host', { host: 'evil.example' }],
  ])('refuses a request with %s', async (_, headers) => {
    await using world = await daemonWorld();

    const answer = await send(world, '/v1/nodes', { headers });

    expect(answer).toMatchObject({ status: 403, body: { code: 'ORIGIN_REFUSED' } });
  });

  it.each([
    ['an unknown route', '/v1/nope', {}, 404, 'ROUTE_NOT_FOUND'],
    ['an unknown query field', '/v1/nodes?nope=1', {}, 400, 'INPUT_INVALID'],
    ['a limit that is no number', '/v1/nodes?limit=ten', {}, 400, 'INPUT_INVALID'],
    ['a limit that is too large', '/v1/nodes?limit=501', {}, 400, 'INPUT_INVALID'],
    ['a cursor of its own making', '/v1/nodes?cursor=abc', {}, 400, 'INPUT_INVALID'],
    [
      'a body that is not JSON',
      '/v1/nodes',
      { method: 'POST', headers: json, body: '{' },
      400,
      'INPUT_INVALID',
    ],
    [
      'a body that is a list',
      '/v1/nodes',
      { method: 'POST', headers: json, body: '[]' },
      400,
      'INPUT_INVALID',
    ],
    [
      'a body of another type',
      '/v1/nodes',
      { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x' },
      400,
      'INPUT_INVALID',
    ],
    [
      'a body that is too large',
      '/v1/nodes',
      { method: 'POST', headers: json, body: JSON.stringify({ x: 'y'.repeat(1 << 20) }) },
      400,
      'INPUT_INVALID',
    ],
    [
      'a field of the prototype',
      '/v1/nodes',
      { method: 'POST', headers: json, body: '{"__proto__":{"name":"x"}}' },
      400,
      'INPUT_INVALID',
    ],
    [
      'a bad idempotency key',
      '/v1/nodes',
      { method: 'POST', headers: { ...json, 'idempotency-key': 'a b' }, body: '{}' },
      400,
      'INPUT_INVALID',
    ],
  ] as const)('answers %s with a problem', async (_, path, options, status, code) => {
    await using world = await daemonWorld();

    const answer = await send(world, path, options);

    expect(answer).toMatchObject({ status, body: { code } });
    expect(answer.type).toContain('application/problem+json');
  });

  it('lists exactly the routes that it serves in its OpenAPI document', async () => {
    await using world = await daemonWorld();

    const { body } = await send(world, '/v1/openapi.json');

    const { registry } = await import('../../../src/contract/registry.js');
    const documented = Object.entries(body.paths ?? {}).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = Object.values(registry).map(
      ({ http: [method, path] }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`,
    );
    expect(documented.toSorted()).toEqual(served.toSorted());
  });
});
