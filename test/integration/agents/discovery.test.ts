import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { describe, expect, it } from 'vitest';

import type { Mdns } from '../../../src/core/platform/common/mdns.js';

import { findDaemon, type Search } from '../../../src/agent/joining/discovery.js';
import { proveDaemon } from '../../../src/agent/pinned-tls.js';
import { gridHint, SERVICE_NAME } from '../../../src/contract/discovery.js';
import { GRID_SERVER_NAME } from '../../../src/contract/grid.js';
import { AppError } from '../../../src/core/types/errors/app-error.js';
import { joinToken, requireToken, testAgent } from '../../support/agents.js';
import { testAuthority, type TestIdentity } from '../../support/certificates.js';
import { remoteWorld } from '../../support/remote-world.js';

const CA = createHash('sha256').update('a grid').digest('hex');

/** What a daemon at an address, or somebody who says to be one, answers. */
function claim(n: number, hint = gridHint(CA), port = 8080) {
  const instance = `daemon-${n}.${SERVICE_NAME}`;
  return {
    answers: [{ name: SERVICE_NAME, type: 'PTR', ttl: 120, data: instance }],
    additionals: [
      { name: instance, type: 'SRV', ttl: 120, data: { target: `daemon-${n}.local`, port } },
      { name: instance, type: 'TXT', ttl: 120, data: [Buffer.from(`ca=${hint}`)] },
    ],
  };
}

/** A network on which these answers come, each with its sender, as soon as somebody asks. */
function network(answers: readonly (readonly [packet: object, from: string])[]) {
  const state = { isClosed: false };
  const open: Search['open'] = async ({ onTrouble }) => {
    let hear: Parameters<Mdns['onAnswer']>[0] | undefined;
    if (answers.length === 0) onTrouble('ENODEV');
    return {
      publish: () => undefined,
      ask: () => {
        for (const [packet, from] of answers) hear?.(packet, from);
      },
      onAnswer: (listener) => (hear = listener),
      close: async () => void (state.isClosed = true),
    };
  };
  return { state, open };
}

/** Believes only who is at this address, and keeps whom it looked at. */
function proverOf(host: string) {
  const tried: string[] = [];
  const prove: Search['prove'] = async (url) => {
    tried.push(url.host);
    if (url.host !== host) throw new AppError('SERVER_UNTRUSTED', 'no');
  };
  return { tried, prove };
}

const late: Search['prove'] = () => Promise.reject(new AppError('CLOCK_WRONG', 'It is 1970.'));

const search = (rest: Pick<Search, 'open' | 'prove'> & Partial<Search>): Search => ({
  networks: () => ['10.0.0.1'],
  timeoutMs: 200,
  ...rest,
});

// Goal: of everyone who says to be a daemon, the one who can prove it is found, within a bounded time and effort.
describe('looking for a daemon', () => {
  it('ends with the one that has proven itself, whoever was there before', async () => {
    const { open, state } = network([
      [claim(1), '10.0.0.66'],
      [claim(2), '10.0.0.7'],
    ]);
    const { prove, tried } = proverOf('10.0.0.7:8080');

    const url = await findDaemon(CA, search({ open, prove }));

    expect(url.origin).toBe('https://10.0.0.7:8080');
    expect(tried).toEqual(['10.0.0.66:8080', '10.0.0.7:8080']);
    expect(state.isClosed).toBe(true);
  });

  it('is not deceived by another answer in the same name', async () => {
    const { open } = network([
      [claim(1), '10.0.0.66'],
      [claim(1), '10.0.0.7'],
    ]);
    const { prove } = proverOf('10.0.0.7:8080');

    expect((await findDaemon(CA, search({ open, prove }))).hostname).toBe('10.0.0.7');
  });

  it('passes over daemons of other grids', async () => {
    const { open } = network([
      [claim(1, 'f'.repeat(16)), '10.0.0.66'],
      [claim(2), '10.0.0.7'],
    ]);
    const { prove, tried } = proverOf('10.0.0.7:8080');

    await findDaemon(CA, search({ open, prove }));

    expect(tried).toEqual(['10.0.0.7:8080']);
  });

  it('tries a bounded number of addresses, and of each sender so many that others have room', async () => {
    const flood = Array.from(
      { length: 100 },
      (_, n) => [claim(n, gridHint(CA), n + 1), '10.0.0.66'] as const,
    );
    const many = Array.from({ length: 100 }, (_, n) => [claim(n), `10.0.1.${n}`] as const);
    const nobody = proverOf('');
    const honest = proverOf('10.0.0.7:8080');

    const none = await findDaemon(CA, search({ ...network([...flood, ...many]), ...nobody })).catch(
      (error: unknown) => error,
    );
    await findDaemon(CA, search({ ...network([...flood, [claim(2), '10.0.0.7']]), ...honest }));

    expect(none).toMatchObject({ code: 'DAEMON_NOT_FOUND', details: { tried: 32 } });
    expect(nobody.tried.filter((host) => host.startsWith('10.0.0.66'))).toHaveLength(8);
    expect(honest.tried).toHaveLength(9);
  });

  it('says what is in the way: nobody, no network, or this machine’s clock', async () => {
    const alone = network([[{}, '10.0.0.7']]);
    const outcomes = [];
    for (const parts of [
      { ...alone, ...proverOf('') },
      { ...network([]), ...proverOf('') },
      { ...network([[claim(1), '10.0.0.7']]), prove: late },
    ]) {
      outcomes.push(await findDaemon(CA, search(parts)).catch((error: unknown) => error));
    }

    expect(outcomes).toMatchObject([
      { code: 'DAEMON_NOT_FOUND', message: expect.stringContaining('none announces itself') },
      { code: 'DAEMON_NOT_FOUND', details: { reason: 'ENODEV' } },
      { code: 'CLOCK_WRONG' },
    ]);
    expect(alone.state.isClosed).toBe(true);
  });
});

async function serverWith({ key, cert }: Pick<TestIdentity, 'key' | 'cert'>) {
  const server = createServer({ key, cert });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP, whose address is one of these
  const { port } = server.address() as AddressInfo;
  return {
    url: new URL(`https://127.0.0.1:${port}`),
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

// Goal: the certificate of an authority is shown to everybody, so it proves nothing of who shows it.
describe('whoever answers at an address', () => {
  const signal = new AbortController().signal;

  it('is believed to be a daemon of the grid when it is one', async () => {
    await using world = await remoteWorld();
    const { caSha256 } = requireToken(await joinToken(world));

    await expect(proveDaemon(new URL(world.url), caSha256, signal)).resolves.toBeUndefined();
  });

  it('is not, with the authority’s own certificate behind one that it has not signed', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    const membership = await agent.files.membership();
    if (!membership) throw new TypeError('It has joined.');
    const { caCertificate, caSha256 } = membership;
    // By the name of the authority, so that the two look like a chain.
    const forged = await (await testAuthority()).issue([GRID_SERVER_NAME]);
    await using impostor = await serverWith({
      key: forged.key,
      cert: `${forged.certificate}\n${caCertificate}`,
    });

    await expect(proveDaemon(impostor.url, caSha256, signal)).rejects.toMatchObject({
      code: 'SERVER_UNTRUSTED',
    });
  });

  it('is not waited for once somebody else was found', async () => {
    await using silent = await serverWith({ key: '', cert: '' });
    const stop = new AbortController();
    const proving = proveDaemon(silent.url, CA, stop.signal);

    stop.abort();

    await expect(proving).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
  });
});
