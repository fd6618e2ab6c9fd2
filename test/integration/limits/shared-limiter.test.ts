import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import type { Allowance } from '../../../src/daemon/limits/limiter.js';

import { openReplica, type TestReplica } from '../../support/replicas.js';
import { startRedis } from '../../support/redis.js';
import { missing } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';

const TEN: Allowance = { kind: 'subject', limit: 10, windowMs: 60_000 };

/** How many of `calls` calls, all at once and one replica after the other, get through. */
async function allowed(replicas: readonly TestReplica[], key: string, calls: number, by = TEN) {
  const taken = await Promise.all(
    Array.from({ length: calls }, async (_, index) =>
      replicas[index % replicas.length]?.limiter.take(key, 1, by),
    ),
  );
  return taken.filter((one) => one?.allowed).length;
}

const is = (replica: TestReplica, state: string) =>
  waitFor(`a replica that is ${state}`, () => replica.state() === state);

// Goal: replicas are one limiter while Redis is there, and each a strict one of its own while it is not.
describe.skipIf(missing('redis'))('a limiter over replicas', () => {
  it('is exact, however the calls fall', async () => {
    await using redis = await startRedis();
    using a = await openReplica(redis.url);
    using b = await openReplica(redis.url);
    using c = await openReplica(redis.url);

    expect(await allowed([a, b, c], randomUUID(), 300, { ...TEN, limit: 100 })).toBe(100);
  });

  it('keeps grids apart that share a server', async () => {
    await using redis = await startRedis();
    using ours = await openReplica(redis.url);
    using theirs = await openReplica(redis.url, { namespace: 'other-grid' });
    const key = randomUUID();
    await allowed([ours], key, 10);

    expect(await allowed([theirs], key, 11)).toBe(10);
  });

  it('leaves nothing in the server once the windows are over', async () => {
    await using redis = await startRedis();
    using a = await openReplica(redis.url);
    await allowed([a], randomUUID(), 5, { ...TEN, windowMs: 200 });
    await waitFor('an empty server', async () => {
      const keys = await redis.ask((client) => client.keys('*limit*'));
      return keys.length === 0;
    });

    expect(a.state()).toBe('ok');
  });

  it('goes on where it was when the server is flushed', async () => {
    await using redis = await startRedis();
    using a = await openReplica(redis.url);
    using b = await openReplica(redis.url);
    const key = randomUUID();
    expect(await allowed([a, b], key, 14)).toBe(10);
    // Both have heard how it stands.
    expect(await allowed([a, b], key, 2)).toBe(0);

    await redis.ask((client) => client.flushall());

    expect(await allowed([a, b], key, 10)).toBe(0);
  });

  it('goes on from whoever knows most, also when another has begun again first', async () => {
    await using redis = await startRedis();
    using a = await openReplica(redis.url);
    using b = await openReplica(redis.url);
    const key = randomUUID();
    await allowed([a], key, 3);
    await allowed([b], key, 6);

    await redis.ask((client) => client.flushall());

    expect(await allowed([a], key, 1)).toBe(1);
    expect(await allowed([b], key, 10)).toBe(1);
    expect(await allowed([a], key, 10)).toBe(0);
  });

  it('counts what it gave while it could not be reached', async () => {
    await using redis = await startRedis();
    using a = await openReplica(redis.url);
    using b = await openReplica(redis.url);
    const key = randomUUID();
    await allowed([a, b], key, 2);

    await redis.ask((client) => client.call('CLIENT', 'KILL', 'TYPE', 'normal'));
    await is(a, 'degraded');
    const alone = await allowed([a], key, 6);
    await is(a, 'ok');
    await is(b, 'ok');

    expect(alone).toBe(6);
    expect(await allowed([a], key, 20)).toBe(2);
  });

  it('goes on by itself when the server dies, and with the others when it is back, empty', async () => {
    await using redis = await startRedis();
    using a = await openReplica(redis.url);
    using b = await openReplica(redis.url);
    const key = randomUUID();
    for (const [replica, calls] of [
      [a, 3],
      [b, 3],
      [a, 1],
    ] as const) {
      expect(await allowed([replica], key, calls)).toBe(calls);
    }

    await redis.stop();
    await is(a, 'degraded');
    await is(b, 'degraded');
    // Each knew what it was told last: 7 and 6 of 10.
    const meanwhile = await allowed([a, b], key, 40);
    await redis.start();
    await is(a, 'ok');
    await is(b, 'ok');

    expect(meanwhile).toBe(3 + 4);
    expect(await allowed([a, b], key, 20)).toBe(0);
    expect(a.troubles.at(0)).toContain('redis is away');
    expect(a.troubles.at(-1)).toBe('redis is back {}');
  });

  it('answers at once when the server hangs: one call waits a moment, the others not at all', async () => {
    await using redis = await startRedis();
    using a = await openReplica(redis.url);
    const key = randomUUID();
    redis.freeze();

    const before = performance.now();
    await a.limiter.take(key, 1, TEN);
    const waitedMs = performance.now() - before;
    const second = a.limiter.take(key, 1, TEN);
    redis.thaw();

    expect(waitedMs).toBeLessThan(1_000);
    expect(second).toMatchObject({ allowed: true, remaining: 8 });
    expect(a.troubles).toEqual([expect.stringContaining('redis is away')]);
    await is(a, 'ok');
  });

  it.each([
    ['that is full', ['--maxmemory', '1', '--maxmemory-policy', 'noeviction'], 'OOM'],
    [
      'that only reads',
      ['--replicaof', '127.0.0.1 1', '--replica-serve-stale-data', 'yes'],
      'READONLY',
    ],
    ['with a password we do not have', ['--requirepass', 'other'], 'NOAUTH'],
  ])('does without a server %s', async (_, args, reason) => {
    await using redis = await startRedis(...args);
    using a = await openReplica(redis.url);

    expect(a.state()).toBe('degraded');
    expect(await allowed([a], randomUUID(), 30)).toBe(10);
    expect(a.troubles.join('\n')).toContain(reason);
  });

  it('starts without a server, and uses it once it is there', async () => {
    await using redis = await startRedis();
    await redis.stop();
    using a = await openReplica(redis.url);
    expect(a.state()).toBe('degraded');

    await redis.start();

    await is(a, 'ok');
    expect(await allowed([a], randomUUID(), 30)).toBe(10);
  });

  it('says no secret when it is turned away', async () => {
    await using redis = await startRedis('--requirepass', 'right');
    using a = await openReplica(redis.url.replace('unix://', 'unix://:canary-3f9a@localhost'));

    await waitFor('a complaint', () => a.troubles.length > 0);

    expect(a.troubles.join('\n')).toMatch(/WRONGPASS|NOAUTH/);
    expect(a.troubles.join('\n')).not.toContain('canary');
    expect(await allowed([a], randomUUID(), 30)).toBe(10);
  });

  it.each(['', 'http://x', 'redis://h/x', 'redis://user:canary-3f9a@host:port'])(
    'refuses the address "%s" without quoting it',
    async (url) => {
      const failure: unknown = await openReplica(url).catch((error: unknown) => error);

      expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
      expect(JSON.stringify(failure) + String(failure)).not.toContain('canary');
    },
  );

  it('never gives more than one limit a replica, whatever becomes of the server', async () => {
    await using redis = await startRedis();
    using a = await openReplica(redis.url);
    using b = await openReplica(redis.url);
    const replicas = [a, b];
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.nat(7).map((calls) => ({ calls })) },
      fc.constantFrom('flush', 'break', 'restart' as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
        await is(a, 'ok');
        await is(b, 'ok');
        const key = randomUUID();
        let given = 0;
        let faults = 0;
        for (const next of steps) {
          if (typeof next === 'object') {
            given += await allowed(replicas, key, next.calls);
            continue;
          }
          faults += 1;
          if (next === 'flush') await redis.ask((client) => client.flushall());
          if (next === 'break')
            await redis.ask((client) => client.call('CLIENT', 'KILL', 'TYPE', 'normal'));
          if (next === 'restart') {
            await redis.stop();
            given += await allowed(replicas, key, 3);
            await redis.start();
          }
        }
        const rest = await allowed(replicas, key, 60);

        expect(given + rest).toBeGreaterThanOrEqual(10);
        expect(given + rest).toBeLessThanOrEqual(faults === 0 ? 10 : 20);
      }),
      { numRuns: 25 },
    );
  });
});
