import { describe, expect, it } from 'vitest';

import type { Trust } from '../../../src/client/node/contexts.js';
import type { Credentials } from '../../../src/client/node/remote.js';

import { SyntropyClient } from '../../../src/client/client.js';
import { remote } from '../../../src/client/node/remote.js';
import { shownIdentity, trustFor } from '../../../src/client/node/server-identity.js';
import { GRID_SERVER_NAME } from '../../../src/contract/grid.js';
import { AppError } from '../../../src/core/types/errors/app-error.js';
import { type TestIdentity, testAuthority } from '../../support/certificates.js';
import { type Answers, nodeNamed, scriptedServer } from '../../support/scripted-daemon.js';

const nodes: Answers = { 'nodes.list': () => ({ nodes: [nodeNamed('node-01')] }) };
const refused: Answers = {
  'nodes.list': ({ headers }) => {
    if (headers.authorization === 'Bearer good') return { nodes: [] };
    throw new AppError('TOKEN_INVALID', 'This token is not good.');
  },
};

const client = (url: string, trust: Trust, credentials?: Credentials) =>
  new SyntropyClient({
    transport: remote({ url, trust, name: 'prod', ...(credentials ? { credentials } : {}) }),
  });

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'ok',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );

/** The code with which a list fails when the server is `identity` and the client trusts so. */
async function listed(identity: TestIdentity | undefined, trust: Trust): Promise<string> {
  await using server = await scriptedServer(nodes, identity);
  return await codeOf(client(server.url, trust).call('nodes.list', {}));
}

const pinned = (
  certificate: string,
  fingerprint: string,
  serverName = GRID_SERVER_NAME,
): Trust => ({
  kind: 'ca',
  certificate,
  fingerprint,
  serverName,
});

/** What would be pinned of a server with this identity. */
const seen = async (identity: TestIdentity, fingerprint?: string) => {
  await using server = await scriptedServer(nodes, identity);
  const url = new URL(server.url);
  return trustFor(await shownIdentity(url, 'prod'), url, fingerprint);
};

const event = (cursor: string) => ({
  cursor,
  type: 'node.created',
  at: '2026-01-02T03:04:05.000Z',
  payload: {},
});

const failure = (url: string, trust: Trust) =>
  client(url, trust)
    .call('nodes.list', {})
    .catch((error: unknown) => String(error));

describe('a server is believed', () => {
  it('when the pinned authority signed for it, whatever its address is', async () => {
    const grid = await testAuthority();
    const identity = await grid.issue(['other.example.org', GRID_SERVER_NAME]);
    expect(await listed(identity, pinned(grid.certificate, grid.fingerprint))).toBe('ok');
  });

  it('when it shows the pinned certificate, whatever names that has', async () => {
    const identity = await (await testAuthority()).issue(['grid.example.org']);
    expect(await listed(identity, { kind: 'leaf', ...identity })).toBe('ok');
  });

  it('without any proof only where its address says http', async () => {
    expect(await listed(undefined, { kind: 'none' })).toBe('ok');
  });
});

describe('a server at an address of IPv6', () => {
  it('is believed as any other', async () => {
    const grid = await testAuthority();
    const identity = await grid.issue([GRID_SERVER_NAME]);
    await using server = await scriptedServer(nodes, identity, { host: '::1' });
    const url = new URL(`https://[::1]:${server.port}`);
    const trust = trustFor(await shownIdentity(url, 'prod'), url);
    expect(await codeOf(client(url.href, trust).call('nodes.list', {}))).toBe('ok');
  });
});

describe('a server is not believed', () => {
  it('when another authority of the same name signed for it', async () => {
    const [grid, other] = [await testAuthority(), await testAuthority()];
    const identity = await other.issue([GRID_SERVER_NAME]);
    expect(await listed(identity, pinned(grid.certificate, grid.fingerprint))).toBe(
      'SERVER_UNTRUSTED',
    );
  });

  it('when the pinned authority signed for another name, as it does for agents', async () => {
    const grid = await testAuthority();
    const identity = await grid.issue(['node-01.agents.syntropy.internal']);
    expect(await listed(identity, pinned(grid.certificate, grid.fingerprint))).toBe(
      'SERVER_UNTRUSTED',
    );
  });

  it('when its certificate has expired', async () => {
    const grid = await testAuthority();
    const identity = await grid.issue([GRID_SERVER_NAME], -1);
    expect(await listed(identity, pinned(grid.certificate, grid.fingerprint))).toBe(
      'SERVER_UNTRUSTED',
    );
  });

  it('when it shows another certificate than the pinned one, of the same authority and names', async () => {
    const grid = await testAuthority();
    const [one, other] = [await grid.issue(['127.0.0.1']), await grid.issue(['127.0.0.1'])];
    expect(await listed(other, { kind: 'leaf', ...one })).toBe('SERVER_UNTRUSTED');
  });

  it('by the public authorities when none of them knows it', async () => {
    const identity = await (await testAuthority()).issue(['127.0.0.1']);
    expect(await listed(identity, { kind: 'system' })).toBe('SERVER_UNTRUSTED');
  });

  it('and is sent nothing, not even who would have called', async () => {
    const [grid, other] = [await testAuthority(), await testAuthority()];
    await using server = await scriptedServer(nodes, await other.issue([GRID_SERVER_NAME]));
    const trust = pinned(grid.certificate, grid.fingerprint);
    const credentials = { token: async () => 'secret', renewed: async () => undefined };
    await codeOf(client(server.url, trust, credentials).call('nodes.list', {}));
    expect(server.calls).toEqual([]);
  });
});

describe('what to pin of a server', () => {
  it('is the authority of a grid, which outlives the certificate', async () => {
    const grid = await testAuthority();
    const identity = await grid.issue(['host', GRID_SERVER_NAME]);
    expect(await seen(identity)).toMatchObject({
      kind: 'ca',
      fingerprint: grid.fingerprint,
      serverName: GRID_SERVER_NAME,
    });
  });

  it('is the certificate of a server that no grid has made', async () => {
    const identity = await (await testAuthority()).issue(['host.example.org']);
    expect(await seen(identity)).toMatchObject({ kind: 'leaf', fingerprint: identity.fingerprint });
  });

  it('is the certificate whose fingerprint was given, however that was written', async () => {
    const grid = await testAuthority();
    const identity = await grid.issue([GRID_SERVER_NAME]);
    const bare = grid.fingerprint.replaceAll(':', '').toLowerCase();
    expect(await seen(identity, `sha256:${bare}`)).toMatchObject({ kind: 'ca' });
    expect(await seen(identity, identity.fingerprint)).toMatchObject({ kind: 'leaf' });
  });

  it('is nothing when none has the fingerprint', async () => {
    const identity = await (await testAuthority()).issue([GRID_SERVER_NAME]);
    expect(await codeOf(seen(identity, 'ab'.repeat(32)))).toBe('SERVER_UNTRUSTED');
  });

  it('proves nothing by itself: a chain with the right authority in it, and another key, is refused', async () => {
    const [grid, thief] = [await testAuthority(), await testAuthority()];
    const own = await thief.issue([GRID_SERVER_NAME]);
    const forged = { ...own, cert: `${own.certificate}\n${grid.certificate}\n` };
    await using server = await scriptedServer(nodes, forged);
    const url = new URL(server.url);
    const trust = trustFor(await shownIdentity(url, 'prod'), url, grid.fingerprint);
    expect(await codeOf(client(server.url, trust).call('nodes.list', {}))).toBe('SERVER_UNTRUSTED');
  });
});

describe('a remote call', () => {
  const plain: Trust = { kind: 'none' };

  it('carries the token, and another one when that is refused', async () => {
    await using server = await scriptedServer(refused);
    const asked: string[] = [];
    const credentials: Credentials = {
      token: async () => 'old',
      renewed: async (token) => (asked.push(token), 'good'),
    };
    expect(await client(server.url, plain, credentials).call('nodes.list', {})).toEqual({
      nodes: [],
    });
    expect(asked).toEqual(['old']);
    expect(server.calls.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer old',
      'Bearer good',
    ]);
  });

  it('fails as the daemon said when there is no other token, or that is refused too', async () => {
    await using server = await scriptedServer(refused);
    for (const renewed of [undefined, 'bad']) {
      const credentials = { token: async () => 'old', renewed: async () => renewed };
      const call = client(server.url, plain, credentials).call('nodes.list', {});
      expect(await codeOf(call)).toBe('TOKEN_INVALID');
    }
    expect(server.calls).toHaveLength(3);
  });

  it('reaches a daemon behind a path', async () => {
    await using server = await scriptedServer({});
    const call = client(`${server.url}/grid/`, plain).call('nodes.list', {});
    await expect(call).rejects.toThrow('There is no GET /grid/v1/nodes.');
  });

  it('is not waited for longer than asked', async () => {
    await using server = await scriptedServer({ 'nodes.list': () => new Promise(() => undefined) });
    const call = client(server.url, plain).call('nodes.list', {}, { timeoutMs: 200 });
    expect(await codeOf(call)).toBe('TIMED_OUT');
  });

  it('takes a proxy that cannot reach the daemon for what it is', async () => {
    await using server = await scriptedServer({
      'nodes.list': (_, response) => void response.writeHead(502).end('<html>Bad Gateway</html>'),
    });
    expect(await codeOf(client(server.url, plain).call('nodes.list', {}))).toBe(
      'DAEMON_UNREACHABLE',
    );
  });

  it('holds no answer without an end', async () => {
    await using server = await scriptedServer({
      'nodes.list': (_, response) => {
        const more = () => {
          while (response.write('x'.repeat(1 << 20)));
          response.once('drain', more);
        };
        more();
        return undefined;
      },
    });
    const call = client(server.url, plain).call('nodes.list', {});
    await expect(call).rejects.toThrow('too long');
  });

  it('says what is wrong with the way', async () => {
    await using server = await scriptedServer({
      'nodes.list': (_, response) => void response.destroy(),
    });
    expect(await failure(server.url, plain)).toContain('broke the connection');
    expect(await failure(`https://127.0.0.1:${server.port}`, { kind: 'system' })).toContain(
      'not with TLS',
    );
    expect(await failure('http://nowhere.invalid:1', plain)).toMatch(
      /name that (is not known|cannot)/,
    );
    await server.close();
    expect(await failure(server.url, plain)).toContain('no daemon listens');
  });
});

describe('a remote stream', () => {
  it('gives items as they come, beside other calls, and fails when the connection breaks', async () => {
    let end: (() => unknown) | undefined;
    await using server = await scriptedServer({
      ...nodes,
      'events.follow': (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(`data: ${JSON.stringify(event('1'))}\n\n`);
        end = () => response.destroy();
        return undefined;
      },
    });
    const syntropy = client(server.url, { kind: 'none' });
    const items = syntropy.stream('events.follow', {})[Symbol.asyncIterator]();
    expect((await items.next()).value).toMatchObject({ cursor: '1' });
    expect(await syntropy.call('nodes.list', {})).toMatchObject({ nodes: [{ name: 'node-01' }] });
    end?.();
    expect(await codeOf(items.next())).toBe('DAEMON_UNREACHABLE');
  });

  it('that has fallen silent is given up, for the network may be gone without a word', async () => {
    await using server = await scriptedServer({
      'events.follow': (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(': connected\n\n');
        return undefined;
      },
    });
    const transport = remote({
      url: server.url,
      trust: { kind: 'none' },
      name: 'prod',
      streamSilenceMs: 200,
    });
    const stream = new SyntropyClient({ transport }).stream('events.follow', {});
    await expect(stream.next()).rejects.toMatchObject({
      code: 'DAEMON_UNREACHABLE',
      message: expect.stringContaining('silent'),
    });
  });

  it('fails as the daemon says when it ends it for a reason, and tells the reason else', async () => {
    const problem = { code: 'CURSOR_EXPIRED', detail: 'Too old.', details: { oldestCursor: '7' } };
    const ends = [
      { reason: 'error', error: problem },
      { reason: 'stopping', cursor: '1' },
    ];
    await using server = await scriptedServer({
      'events.follow': (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.end(`event: end\ndata: ${JSON.stringify(ends.shift())}\n\n`);
        return undefined;
      },
    });
    const syntropy = client(server.url, { kind: 'none' });
    await expect(syntropy.stream('events.follow', {}).next()).rejects.toMatchObject({
      code: 'CURSOR_EXPIRED',
      details: { oldestCursor: '7' },
    });
    const told: unknown[] = [];
    const stream = syntropy.stream('events.follow', {}, { onEnd: (end) => told.push(end) });
    expect(await stream.next()).toMatchObject({ done: true });
    expect(told).toEqual([{ reason: 'stopping', cursor: '1' }]);
  });

  it('ends without a word when nobody wants more', async () => {
    await using server = await scriptedServer({
      'events.follow': (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(`data: ${JSON.stringify(event('1'))}\n\n`);
        return undefined;
      },
    });
    const stop = new AbortController();
    const items: string[] = [];
    const stream = client(server.url, { kind: 'none' }).stream('events.follow', {}, stop);
    for await (const { cursor } of stream) {
      items.push(cursor);
      stop.abort();
    }
    expect(items).toEqual(['1']);
  });
});
