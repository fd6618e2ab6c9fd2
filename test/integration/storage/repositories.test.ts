import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { DaemonRepository } from '../../../src/core/storage/postgres/daemon.repository.js';
import { EventRepository } from '../../../src/core/storage/postgres/event.repository.js';
import { IdempotencyRepository } from '../../../src/core/storage/postgres/idempotency.repository.js';
import { KeyRepository } from '../../../src/core/storage/postgres/key.repository.js';
import { freshDatabase, type TestDatabase, testDatabases } from '../../support/postgres.js';

const append = `select append_event('t', 'node', 'n', '{}') as cursor`;

// Goal: someone who resumes after a cursor misses nothing, whoever commits when.
describe.each(testDatabases())('events on %s', (server) => {
  it('become visible in the order of their cursors', async () => {
    await using database = await freshDatabase(server);
    const events = new EventRepository(database.db);
    const slow = await database.pool.connect();
    await slow.query('begin');
    await slow.query(append);

    const fast = database.pool.query(append);
    const whileSlowIsOpen = await events.listAfter(0n, 10);
    await slow.query('commit');
    slow.release();
    await fast;

    expect(whileSlowIsOpen).toEqual([]);
    expect((await events.listAfter(0n, 10)).map((event) => event.cursor)).toEqual(['1', '2']);
  });

  it('are all seen once by a reader who follows ten writers', async () => {
    await using database = await freshDatabase(server);
    const events = new EventRepository(database.db);
    const writers = Promise.all(
      Array.from({ length: 10 }, async () => {
        for (let n = 0; n < 10; n += 1) await database.pool.query(append);
      }),
    );

    const seen: bigint[] = [];
    while (seen.length < 100) {
      const page = await events.listAfter(seen.at(-1) ?? 0n, 7);
      seen.push(...page.map((event) => BigInt(event.cursor)));
    }
    await writers;

    expect(new Set(seen).size).toBe(100);
    expect(await events.listAfter(0n, 200)).toHaveLength(100);
  });

  it('are pruned by count and by age, and it is remembered how far', async () => {
    await using database = await freshDatabase(server);
    const events = new EventRepository(database.db);
    await database.pool.query(`${append} from generate_series(1, 50)`);
    await database.pool.query(
      `update events set created_at = now() - interval '31 days' where id <= 30`,
    );

    await events.prune(40, 365);
    expect(await events.prunedCursor()).toBe(10n);
    await events.prune(40, 30);
    expect(await events.prunedCursor()).toBe(30n);
    expect((await events.listAfter(0n, 100)).map((event) => Number(event.cursor))).toEqual(
      Array.from({ length: 20 }, (_, at) => at + 31),
    );
    await database.pool.query('delete from events');
    await events.prune(40, 30);

    expect(await events.latestCursor()).toBeGreaterThanOrEqual(30n);
  });
});

// Goal: a call that is repeated with its key happens once.
describe.each(testDatabases())('idempotency keys on %s', (server) => {
  const claim = {
    subject: 'admin',
    key: 'k',
    operation: 'nodes.create',
    requestHash: randomBytes(32),
  };

  it('are claimed by one of twenty callers', async () => {
    await using database = await freshDatabase(server);
    const keys = await keysOfLivingDaemon(database);

    const results = await Promise.allSettled(Array.from({ length: 20 }, () => keys.claim(claim)));

    const codes = results.flatMap((result) =>
      result.status === 'rejected' ? [new Map(Object.entries(result.reason)).get('code')] : [],
    );
    expect(codes).toEqual(Array.from({ length: 19 }, () => 'IDEMPOTENCY_IN_PROGRESS'));
  });

  it('give the first answer again, and refuse another request', async () => {
    await using database = await freshDatabase(server);
    const keys = await keysOfLivingDaemon(database);
    await keys.claim(claim);
    await keys.complete(claim, { node: 'node-01' });

    expect(await keys.claim(claim)).toEqual({ kind: 'done', response: { node: 'node-01' } });
    await expect(keys.claim({ ...claim, requestHash: randomBytes(32) })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_MISMATCH',
    });
    expect(await keys.claim({ ...claim, subject: 'ana' })).toEqual({ kind: 'claimed' });
  });

  it('are free again after a failure, when abandoned and when expired, and not before', async () => {
    await using database = await freshDatabase(server);
    const keys = await keysOfLivingDaemon(database);
    await keys.claim(claim);
    await keys.release(claim);
    expect(await keys.claim(claim)).toEqual({ kind: 'claimed' });

    await database.pool.query(
      `update idempotency_keys set created_at = now() - interval '59 minutes'`,
    );
    await expect(keys.claim(claim)).rejects.toMatchObject({ code: 'IDEMPOTENCY_IN_PROGRESS' });
    await database.pool.query(
      `update idempotency_keys set created_at = now() - interval '61 minutes'`,
    );
    expect(await keys.claim(claim)).toEqual({ kind: 'claimed' });

    await database.pool.query(`update daemons set heartbeat_at = now() - interval '31 seconds'`);
    expect(await keys.claim(claim)).toEqual({ kind: 'claimed' });

    await keys.complete(claim, 'kept');
    await keys.release(claim);
    await database.pool.query(`update idempotency_keys set created_at = now() - interval '1 hour'`);
    expect(await keys.claim(claim)).toEqual({ kind: 'done', response: 'kept' });
    await database.pool.query(`update idempotency_keys set expires_at = now() - interval '1 s'`);
    expect(await keys.claim(claim)).toEqual({ kind: 'claimed' });
  });
});

/** The store of a daemon that has just said that it lives. */
async function keysOfLivingDaemon({ db }: TestDatabase): Promise<IdempotencyRepository> {
  const id = randomUUID();
  const startedAt = new Date();
  await new DaemonRepository(db).register({ id, host: 'here', pid: 1, startedAt });
  return new IdempotencyRepository(db, id);
}

// Goal: every replica of a grid has the same keys, and none can be read without the master key.
describe('keys', () => {
  const secret = randomBytes(100);
  const make = async () => ({
    algorithm: 'ES256',
    publicPem: `public ${randomUUID()}`,
    privateDer: secret,
  });

  it('are made once, when ten replicas start together', async () => {
    await using database = await freshDatabase();
    const keys = new KeyRepository(database.db, Buffer.alloc(32, 1));

    const made = await Promise.all(Array.from({ length: 8 }, () => keys.ensure('ca', make)));

    expect(new Set(made.map((key) => key.publicPem)).size).toBe(1);
    expect((await keys.ensure('token-signing', make)).id).not.toBe(made[0]?.id);
  });

  it('lie encrypted, and are refused under another master key or in another’s place', async () => {
    await using database = await freshDatabase();
    const keys = new KeyRepository(database.db, Buffer.alloc(32, 1));
    await keys.ensure('ca', make);

    const { rows } = await database.pool.query<{ sealed: Buffer }>(
      'select encrypted_private as sealed from keys',
    );
    expect(rows[0]?.sealed.includes(secret.subarray(0, 16))).toBe(false);
    const stranger = new KeyRepository(database.db, Buffer.alloc(32, 2));
    await expect(stranger.ensure('ca', make)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await database.pool.query(`update keys set purpose = 'token-signing'`);
    await expect(keys.ensure('token-signing', make)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});
