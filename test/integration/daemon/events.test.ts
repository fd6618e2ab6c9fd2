import { describe, expect, it } from 'vitest';

import type { EventType } from '../../../src/core/types/models/event.js';

import { sql } from 'kysely';

import {
  EventRepository,
  appendEvent,
} from '../../../src/core/storage/postgres/event.repository.js';
import { daemonWorld } from '../../support/daemon-world.js';
import { freshDatabase } from '../../support/postgres.js';

const happened = (type: EventType) => ({ type, object: { kind: 'test', id: 'x' }, payload: {} });

// Goal: a follower sees every event once and in order, wherever it resumes.
describe('events', () => {
  it('resume after the last cursor without a gap and without a repeat', async () => {
    await using world = await daemonWorld();
    const start = await world.client.call('events.list', {});
    for (const type of ['role.updated', 'role.removed', 'key.rotated'] as const) {
      await appendEvent(world.database.db, happened(type));
    }

    const seen: string[] = [];
    let { cursor } = start;
    for (let connection = 0; connection < 3; connection += 1) {
      // Leaving the loop closes the connection after one event.
      for await (const event of world.client.stream('events.follow', { after: cursor })) {
        seen.push(event.type);
        ({ cursor } = event);
        break;
      }
    }

    expect(seen).toEqual(['role.updated', 'role.removed', 'key.rotated']);
  });

  it('reach a follower that waits, and only those that it asked for', async () => {
    await using world = await daemonWorld();
    const stop = new AbortController();
    const { cursor } = await world.client.call('events.list', {});
    const stream = world.client.stream(
      'events.follow',
      { type: 'node.*', after: cursor },
      { signal: stop.signal },
    );
    const first = stream.next();

    await appendEvent(world.database.db, happened('role.updated'));
    await appendEvent(world.database.db, happened('node.updated'));

    expect((await first).value).toMatchObject({
      type: 'node.updated',
      cursor: String(BigInt(cursor) + 2n),
    });
    stop.abort();
  });

  it('end for their followers when the daemon stops, which does not wait for them', async () => {
    await using world = await daemonWorld();
    const stream = world.client.stream('events.follow', {});
    const rest = stream.next();
    // It follows from now: the first event that it could see comes after this.
    await world.client.call('events.list', {});

    await world.restart();

    expect(await rest).toMatchObject({ done: true });
  });

  it('tell a reader whose cursor is no longer kept', async () => {
    await using world = await daemonWorld();
    for (const type of ['role.updated', 'role.removed', 'key.rotated'] as const) {
      await appendEvent(world.database.db, happened(type));
    }
    await new EventRepository(world.database.db).prune(1, 30);

    await expect(world.client.call('events.list', { after: '1' })).rejects.toMatchObject({
      code: 'CURSOR_EXPIRED',
      details: { oldestCursor: '2' },
    });
    await expect(world.client.stream('events.follow', { after: '0' }).next()).rejects.toMatchObject(
      {
        code: 'CURSOR_EXPIRED',
      },
    );
  });

  it('never become visible behind one that was read', async () => {
    await using database = await freshDatabase();
    const events = new EventRepository(database.db);
    const seen: bigint[] = [];
    const reader = (async () => {
      while (seen.length < 60) {
        for (const event of await events.listAfter(seen.at(-1) ?? 0n, 100)) {
          seen.push(BigInt(event.cursor));
        }
      }
    })();

    // Writers that hold their transaction open for different times after they have an id.
    await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        database.db.transaction().execute(async (tx) => {
          await appendEvent(tx, happened('role.updated'));
          await sql`select pg_sleep(${(index % 5) / 500})`.execute(tx);
        }),
      ),
    );
    await reader;

    expect(seen).toHaveLength(60);
    expect(seen).toEqual(seen.toSorted((a, b) => (a < b ? -1 : 1)));
  });
});
