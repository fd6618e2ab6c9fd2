import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Allowance, RateLimiter } from '../../../src/daemon/limits/limiter.js';

import { openReplica, type TestReplica } from '../../support/replicas.js';
import { type TestRedis, startRedis } from '../../support/redis.js';
import { missing } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';

const FIVE: Allowance = { kind: 'subject', limit: 5, windowMs: 60_000 };

async function grants(limiter: RateLimiter, key: string, costs: readonly number[], by = FIVE) {
  const taken = [];
  for (const cost of costs) taken.push((await limiter.take(key, cost, by)).allowed);
  return taken;
}

// Goal: one contract, whether windows are kept here or in a real Redis.
describe.each(missing('redis') ? ['memory'] : ['memory', 'redis'])('a limiter in %s', (where) => {
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

  it('says where it counts', () => {
    expect(replica.state()).toBe(where === 'redis' ? 'ok' : 'local');
  });

  it('gives the limit and no more, and says how much is left and until when', async () => {
    const key = randomUUID();

    const first = await replica.limiter.take(key, 2, FIVE);
    const last = await replica.limiter.take(key, 3, FIVE);
    const refused = await replica.limiter.take(key, 1, FIVE);

    expect(first).toMatchObject({ allowed: true, limit: 5, remaining: 3 });
    expect(last).toMatchObject({ allowed: true, remaining: 0 });
    expect(refused).toMatchObject({ allowed: false, remaining: 0 });
    expect(refused.resetMs).toBeGreaterThan(50_000);
    expect(refused.resetMs).toBeLessThanOrEqual(60_000);
  });

  it('takes nothing when it refuses, so that a smaller call still fits', async () => {
    expect(await grants(replica.limiter, randomUUID(), [4, 2, 1, 1])).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  it('takes back what was given, and never more than all of it', async () => {
    const costs = [5, -1, 1, 1, -5, -5, 5, 1];
    const granted = [true, true, true, false, true, true, true, false];

    expect(await grants(replica.limiter, randomUUID(), costs)).toEqual(granted);
  });

  it('begins no window with what gives back', async () => {
    const key = randomUUID();
    const before = await replica.limiter.take(key, -1, FIVE);
    const later = Date.now() + 50;
    await waitFor('the clock', () => Date.now() > later);

    const after = await replica.limiter.take(key, 1, FIVE);

    expect(before).toMatchObject({ allowed: true, remaining: 5 });
    expect(after.resetMs).toBeGreaterThan(60_000 - 25);
  });

  it('counts each key and each kind apart', async () => {
    const key = randomUUID();
    const other: Allowance = { ...FIVE, kind: 'address' };
    expect(await grants(replica.limiter, key, [5, 1])).toEqual([true, false]);

    expect(await grants(replica.limiter, `${key}2`, [5])).toEqual([true]);
    expect(await grants(replica.limiter, key, [5], other)).toEqual([true]);
  });

  it('gives anew when the window is over', async () => {
    const key = randomUUID();
    const brief: Allowance = { ...FIVE, kind: 'login', windowMs: 300 };
    expect(await grants(replica.limiter, key, [5, 1], brief)).toEqual([true, false]);

    await waitFor(
      'a new window',
      async () => (await grants(replica.limiter, key, [5], brief))[0],
      2_000,
    );

    expect(await grants(replica.limiter, key, [1], brief)).toEqual([false]);
  });
});
