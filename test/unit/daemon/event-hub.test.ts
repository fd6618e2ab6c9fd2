import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Event } from '../../../src/core/types/models/event.js';

import { EventHub } from '../../../src/daemon/events/event-hub.js';
import { type EventSource, POLL_MS } from '../../../src/daemon/events/event-tail.js';

/** How many turns a query takes until it reads, and from there to its answer. */
type Delay = readonly [number, number];

/** A table of events that is slow as one says, and may be away. */
class Table implements EventSource {
  readonly events: Event[] = [];
  readonly delays: Delay[];
  pruned = 0n;
  failing = false;

  constructor(delays: readonly Delay[]) {
    this.delays = [...delays];
  }

  commit(count: number): void {
    for (let n = 0; n < count; n += 1) {
      const id = this.events.length + 1;
      const type = id % 3 === 0 ? 'node.created' : 'role.set';
      const object = { kind: 'node', id: String(id) };
      this.events.push({ cursor: String(id), type, object, payload: {}, createdAt: new Date(0) });
    }
  }

  async listAfter(cursor: bigint, limit: number): Promise<readonly Event[]> {
    return this.#answer(() =>
      this.events
        .filter((event) => BigInt(event.cursor) > cursor && BigInt(event.cursor) > this.pruned)
        .slice(0, limit),
    );
  }

  async listFitting(): Promise<readonly Event[]> {
    throw new Error('Whoever follows reads every event.');
  }

  async latestCursor(): Promise<bigint> {
    return this.#answer(() => BigInt(this.events.length));
  }

  async prunedCursor(): Promise<bigint> {
    return this.#answer(() => this.pruned);
  }

  async #answer<T>(read: () => T): Promise<T> {
    const [before, after] = this.delays.shift() ?? [0, 0];
    await turns(before);
    const isAway = this.failing;
    const value = read();
    await turns(after);
    if (isAway) throw new Error('The database is away.');
    return value;
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
}

interface Reader {
  readonly seen: string[];
  readonly from: number;
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

/** Reads as a client does: from a cursor on, now and then slowly. */
function reader(hub: EventHub, from: number, pace: number, type?: string): Reader {
  const seen: string[] = [];
  const stop = new AbortController();
  const read = async () => {
    const events = await hub
      .follow(BigInt(from), type ? { type } : {}, stop.signal)
      .catch(() => stop.abort());
    for await (const event of events ?? []) {
      seen.push(event.cursor);
      await turns(pace);
    }
  };
  return { seen, from, stop, done: read() };
}

const join = fc.record({ join: fc.nat(), pace: fc.nat(4), isPicky: fc.boolean() });
const commit = fc.record({ commit: fc.nat(5), isHeard: fc.boolean() });
const step = fc.oneof(
  { weight: 5, arbitrary: commit },
  { weight: 1, arbitrary: fc.record({ commit: fc.integer({ min: 1_900, max: 4_500 }) }) },
  { weight: 3, arbitrary: join },
  { weight: 2, arbitrary: fc.record({ leave: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ away: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ wait: fc.nat(1_500) }) },
);
/** Each with the turns from it to the next, which so comes amid whatever it began. */
const steps = fc.oneof(
  fc.array(fc.tuple(step, fc.nat(12)), { minLength: 1, maxLength: 25 }),
  // What a later event would mend is seen only where none comes.
  fc.tuple(fc.tuple(join, fc.nat(60)), fc.tuple(commit, fc.constant(0))),
);
const delays = fc.array(fc.tuple(fc.nat(20), fc.nat(20)), { maxLength: 60 });

// Goal: whoever follows hears of every event after their cursor, once and in order, whatever wake-ups are lost, however far behind they
// are, and whoever else comes and goes.
describe('followers of events', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('miss nothing and see nothing twice', async () => {
    await fc.assert(
      fc.asyncProperty(steps, delays, async (script, slowness) => {
        const table = new Table(slowness);
        const hub = new EventHub(table);
        const readers: (Reader & { isPicky: boolean })[] = [];

        for (const [now, pause] of script) {
          if ('commit' in now) table.commit(now.commit);
          if ('isHeard' in now && now.isHeard) hub.wake();
          if ('leave' in now && readers.length > 0) {
            readers[now.leave % readers.length]?.stop.abort();
          }
          if ('join' in now) {
            const from = now.join % (table.events.length + 1);
            const { isPicky } = now;
            const type = isPicky ? 'node.*' : undefined;
            readers.push({ ...reader(hub, from, now.pace, type), isPicky });
          }
          if ('away' in now) table.failing = now.away;
          if ('wait' in now) await vi.advanceTimersByTimeAsync(now.wait);
          await turns(pause);
        }
        table.failing = false;
        await vi.advanceTimersByTimeAsync(3 * POLL_MS);

        for (const { seen, from, stop, isPicky } of readers) {
          const all = table.events
            .filter(({ cursor }) => Number(cursor) > from)
            .filter(({ type }) => !isPicky || type === 'node.created')
            .map(({ cursor }) => cursor);
          expect(seen).toEqual(stop.signal.aborted ? all.slice(0, seen.length) : all);
        }
        hub.close();
        await Promise.all(readers.map(({ done }) => done));
        expect(hub.followers).toBe(0);
      }),
      { numRuns: 1_000 },
    );
  }, 60_000);
});
