import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openReplica, type TestReplica } from '../../support/replicas.js';
import { type TestRedis, startRedis } from '../../support/redis.js';
import { missing } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';

// Goal: one contract, whether texts are kept here or also in a real Redis.
describe.each(missing('redis') ? ['memory'] : ['memory', 'redis'])('a cache in %s', (where) => {
  let redis: TestRedis | undefined;
  let replica: TestReplica;
  beforeAll(async () => {
    redis = where === 'redis' ? await startRedis() : undefined;
    replica = await openReplica(redis?.url);
  });
  afterAll(async () => {
    replica.close();
    await redis?.[Symbol.asyncDispose]();
  });

  it('makes a text once, also for those who ask at the same time', async () => {
    const key = randomUUID();
    let made = 0;
    const make = async () => `made ${(made += 1)}`;

    const texts = await Promise.all([1, 2, 3].map(() => replica.cache.through(key, make)));

    expect([...texts, await replica.cache.through(key, make)]).toEqual(Array(4).fill('made 1'));
  });

  it('keeps no failure', async () => {
    const key = randomUUID();
    const failing = replica.cache.through(key, () => Promise.reject(new TypeError('broken')));
    await expect(failing).rejects.toThrow('broken');

    expect(await replica.cache.through(key, async () => 'good')).toBe('good');
  });

  it('answers with what is too large to keep', async () => {
    const large = 'ä'.repeat(300_000);

    expect(await replica.cache.through(randomUUID(), async () => large)).toBe(large);
  });
});

describe.skipIf(missing('redis'))('a cache over replicas', () => {
  it('is one: what a replica made, the others find', async () => {
    await using redis = await startRedis();
    using a = await openReplica(redis.url);
    using b = await openReplica(redis.url);
    const key = randomUUID();
    await a.cache.through(key, async () => 'by a');
    await waitFor('a text in the server', async () => {
      const [name] = await redis.ask((client) => client.keys('*text*'));
      // Nothing of what was asked for stands in the name, and it goes by itself.
      expect(name ?? '').not.toContain(key);
      return name !== undefined && (await redis.ask((client) => client.pttl(name))) > 0;
    });

    expect(await b.cache.through(key, async () => 'by b')).toBe('by a');
  });

  it.each([
    ['grids', { namespace: 'other-grid' }],
    ['releases', { release: '2' }],
  ])('keeps %s apart that share a server', async (_, other) => {
    await using redis = await startRedis();
    using ours = await openReplica(redis.url);
    using theirs = await openReplica(redis.url, other);
    const key = randomUUID();
    await ours.cache.through(key, async () => 'ours');
    await waitFor('a text', () => redis.ask(async (client) => (await client.dbsize()) > 1));

    expect(await theirs.cache.through(key, async () => 'theirs')).toBe('theirs');
  });

  // The truth is a counter beside a cursor that rises with every change, as topics have it; a key names both question and cursor.
  it('changes no answer, whatever is flushed, broken or restarted', async () => {
    await using redis = await startRedis();
    using a = await openReplica(redis.url);
    using b = await openReplica(redis.url);
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('change', 'read', 'read together', 'slow read') },
      fc.constantFrom('flush', 'break', 'restart'),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const topic = randomUUID();
        let truth = 0;
        const unfinished: Promise<void>[] = [];
        const read = async ({ cache }: TestReplica) => {
          const before = truth;
          const text = await cache.through(`${topic} @${truth}`, async () => String(truth));
          expect(Number(text)).toBeGreaterThanOrEqual(before);
          expect(Number(text)).toBeLessThanOrEqual(truth);
        };
        for (const next of steps) {
          if (next === 'change') truth += 1;
          if (next === 'read') await read(a);
          if (next === 'read together') await Promise.all([read(a), read(b)]);
          if (next === 'slow read') unfinished.push(read(b));
          if (next === 'flush') await redis.ask((client) => client.flushall());
          if (next === 'break') {
            await redis.ask((client) => client.call('CLIENT', 'KILL', 'TYPE', 'normal'));
          }
          if (next === 'restart') {
            await redis.stop();
            await read(a);
            await redis.start();
          }
        }
        await Promise.all(unfinished);
      }),
      { numRuns: 25 },
    );
  });
});
