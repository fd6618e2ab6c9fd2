import { describe, expect, it } from 'vitest';

import { exchange, rawConnection, received, statuses } from '../support/raw-https.js';
import { remoteWorld } from '../support/remote-world.js';

const HOST = 'Host: 127.0.0.1\r\nConnection: close\r\n';

// Goal: what no client of ours sends does no harm, and never comes back as a bug.
describe('on the wire', () => {
  it.each<[string, string]>([
    [
      'length and chunks at once',
      `POST /v1/sessions HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/nodes HTTP/1.1\r\n\r\n`,
    ],
    [
      'two lengths',
      `POST /v1/sessions HTTP/1.1\r\n${HOST}Content-Length: 2\r\nContent-Length: 30\r\n\r\n{}`,
    ],
    ['a length that is none', `POST /v1/sessions HTTP/1.1\r\n${HOST}Content-Length: -1\r\n\r\n{}`],
    [
      'an unknown transfer coding',
      `POST /v1/sessions HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n{}`,
    ],
    [
      'chunks of bad size',
      `POST /v1/sessions HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n`,
    ],
    ['no host', 'GET /v1/nodes HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['a header line that is none', `GET /v1/nodes HTTP/1.1\r\n${HOST}nonsense\r\n\r\n`],
    ['a space before the colon', `GET /v1/nodes HTTP/1.1\r\n${HOST}X-Thing : 1\r\n\r\n`],
    ['a folded header', `GET /v1/nodes HTTP/1.1\r\n${HOST}X-Thing: 1\r\n 2\r\n\r\n`],
    ['a bare carriage return', `GET /v1/nodes HTTP/1.1\r\n${HOST}X-Thing: a\rb\r\n\r\n`],
    [
      'a header of 100 KB',
      `GET /v1/nodes HTTP/1.1\r\n${HOST}X-Thing: ${'a'.repeat(100_000)}\r\n\r\n`,
    ],
    ['a method that is none', `BREW /v1/nodes HTTP/1.1\r\n${HOST}\r\n`],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['nothing but zeros', '\0'.repeat(64)],
  ])('%s is refused as the caller’s fault', async (_, bytes) => {
    await using world = await remoteWorld();

    const answers = statuses(await exchange(world.port, bytes));

    expect(answers.length).toBeLessThanOrEqual(1);
    for (const status of answers)
      expect(status).toSatisfy((code: number) => code >= 400 && code < 500);
    expect((await world.ask('GET', '/.well-known/jwks.json')).status).toBe(200);
  });

  it.each<[string, string, Record<string, string>]>([
    ['a body that is not JSON', '{', { 'content-type': 'application/json' }],
    ['a form', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['plain text, which needs no preflight', '{}', { 'content-type': 'text/plain' }],
    [
      'a body larger than the limit',
      JSON.stringify({ member: 'x'.repeat(2 << 20) }),
      { 'content-type': 'application/json' },
    ],
    [
      'a prototype',
      '{"__proto__":{"isAdmin":true},"member":"a"}',
      { 'content-type': 'application/json' },
    ],
    [
      'a NUL, which no text in the database can hold',
      '{"member":"a\\u0000b","password":"0123456789"}',
      { 'content-type': 'application/json' },
    ],
    [
      'half a character',
      '{"member":"\\ud800","password":"0123456789"}',
      { 'content-type': 'application/json' },
    ],
    [
      'deep nesting',
      `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
      { 'content-type': 'application/json' },
    ],
    [
      'another charset of nonsense',
      '\u0000\u0001',
      { 'content-type': 'application/json; charset=utf-7' },
    ],
  ])('%s is refused with a problem', async (_, body, headers) => {
    await using world = await remoteWorld();

    const answer = await world.ask('POST', '/v1/sessions', { body, headers });

    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: 'INPUT_INVALID', requestId: expect.any(String) });
  });

  it('a client that sends its headers drop by drop is cut off', async () => {
    await using world = await remoteWorld();
    const socket = await rawConnection(world.port);
    socket.write(`GET /v1/nodes HTTP/1.1\r\nHost: 127.0.0.1\r\n`);
    const drops = setInterval(() => socket.write('X-Drop: 1\r\n'), 500);
    const began = Date.now();

    const text = await received(socket);
    clearInterval(drops);

    expect(statuses(text)).toEqual([408]);
    expect(Date.now() - began).toBeLessThan(20_000);
  });

  it.each([
    ['/v1/nodes/%2e%2e%2f%2e%2e%2fetc%2fpasswd', 404],
    ['/v1/nodes/..%2f..%2f', 404],
    ['/v1/nodes/%00', 400],
    [`/v1/nodes/${'a'.repeat(300)}`, 400],
    ['/v1/nodes/a%0d%0aSet-Cookie:%20x=1', 404],
    ['/v1/nodes/%ff', 404],
    [`/v1/nodes?label=${encodeURIComponent("x' or 1=1; drop table nodes --")}`, 200],
    ['/v1/nodes?status[]=online', 400],
    ['/v1/nodes?limit=1&limit=2', 400],
    ['/v1/operations/..%2fmembers', 400],
    ['//v1/nodes', 404],
    ['/v1/nodes/../members', 404],
  ])('the path %s is answered, and nothing of it is believed', async (target, status) => {
    await using world = await remoteWorld();
    const ana = await world.signedIn('ana');
    const text = await exchange(
      world.port,
      `GET ${target} HTTP/1.1\r\n${HOST}Authorization: Bearer ${ana.accessToken}\r\n\r\n`,
    );

    expect(statuses(text)).toEqual([status]);
    expect(text.split('\r\n\r\n')[0]).not.toMatch(/set-cookie/i);
  });
});

// Goal: a page in somebody's browser has no way in (DNS rebinding, CSRF).
describe('a browser', () => {
  it('that was led here by another name is refused, whatever it carries', async () => {
    await using world = await remoteWorld();
    const ana = await world.signedIn('ana');

    for (const host of [
      'evil.example',
      'evil.example:8080',
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      '',
    ]) {
      const text = await exchange(
        world.port,
        `GET /v1/nodes HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nAuthorization: Bearer ${ana.accessToken}\r\n\r\n`,
      );
      expect([host, ...statuses(text)]).toEqual([host, host === '' ? 403 : 403]);
    }
  });

  it('is refused from any origin that is not on the list, also before it asks', async () => {
    await using world = await remoteWorld({
      config: { 'api.corsOrigins': 'https://grid.example.org' },
    });
    const from = (origin: string, method = 'GET') =>
      world.ask(method, '/v1/keys', {
        headers: { origin, 'access-control-request-method': 'POST' },
      });

    for (const origin of [
      'https://evil.example',
      'null',
      'https://grid.example.org.evil.example',
      'http://grid.example.org',
      'https://grid.example.org:444',
    ]) {
      for (const method of ['GET', 'OPTIONS']) {
        const answer = await from(origin, method);
        expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([
          403,
          undefined,
        ]);
      }
    }
    const allowed = await from('https://grid.example.org', 'OPTIONS');
    expect([allowed.status, allowed.headers['access-control-allow-origin']]).toEqual([
      204,
      'https://grid.example.org',
    ]);
    expect(allowed.headers['access-control-allow-credentials']).toBeUndefined();
  });

  it('cannot act as another member over the network', async () => {
    await using world = await remoteWorld();
    const ana = await world.signedIn('ana', { roles: ['admin'] });

    const answer = await world.ask('GET', '/v1/nodes', {
      token: ana.accessToken,
      headers: { 'syntropy-as': 'admin' },
    });

    expect(answer.body.code).toBe('PERMISSION_DENIED');
  });
});

// Goal: nobody uses the daemon up.
describe('limits', () => {
  it('are told, kept per caller, and say when to come back', async () => {
    await using world = await remoteWorld({ config: { 'limits.perSubjectPerMinute': '5' } });
    const ana = await world.signedIn('ana');
    const bob = await world.signedIn('bob');
    const answers = [];
    for (let n = 0; n < 6; n += 1) {
      answers.push(await world.ask('GET', '/v1/nodes', { token: ana.accessToken }));
    }

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429]);
    expect(answers[0]?.headers).toMatchObject({
      'ratelimit-limit': '5',
      'ratelimit-remaining': '4',
    });
    expect(Number(answers[5]?.headers['retry-after'])).toBeGreaterThan(0);
    expect((await world.ask('GET', '/v1/nodes', { token: bob.accessToken })).status).toBe(200);
  });

  it('weigh a change more than a look', async () => {
    await using world = await remoteWorld({ config: { 'limits.perSubjectPerMinute': '7' } });
    const ana = await world.signedIn('ana');
    const body = { name: 'ci', scopes: ['nodes:read'] };

    const made = await world.ask('POST', '/v1/tokens', { token: ana.accessToken, body });
    const again = await world.ask('POST', '/v1/tokens', { token: ana.accessToken, body });

    expect([made.status, again.status]).toEqual([201, 429]);
  });

  it('hold per address before anything is known of the caller', async () => {
    await using world = await remoteWorld({ config: { 'limits.perAddressPerMinute': '3' } });
    const answers = [];
    for (let n = 0; n < 4; n += 1) answers.push(await world.ask('GET', '/v1/nodes'));

    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 429]);
  });
});
