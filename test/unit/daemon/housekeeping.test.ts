import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { startHousekeeping } from '../../../src/daemon/jobs/housekeeping.js';

const log = pino({ level: 'silent' });
const MINUTE_MS = 60_000;

/** Chores that note when they are done; the beat takes until `held` is resolved. */
function noted(held: Promise<void> = Promise.resolve()) {
  const done: string[] = [];
  const state = { leads: true, begun: 0 };
  const chore = (what: string) => ({ what, work: async () => void done.push(what) });
  const beat = {
    what: 'beat',
    work: async () => {
      state.begun += 1;
      await held;
      done.push('beat');
    },
  };
  const broken = { what: 'broken', work: () => Promise.reject(new Error('planted')) };
  const chores = { beat, sweep: [broken, chore('sweep')], prune: [chore('prune')] };
  const leadership = {
    get leads() {
      return state.leads;
    },
    close: () => Promise.resolve(),
  };
  return { done, state, keeping: startHousekeeping(chores, leadership, log) };
}

// Goal: what is done by the clock is done again and again, by the one who leads, whatever fails or takes long.
describe('housekeeping', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('goes on after a chore that failed', async () => {
    const { done, keeping } = noted();
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    await keeping.stop();

    expect(done.filter((what) => what === 'sweep')).toHaveLength(6);
  });

  it('leaves to the leader what is the leader’s', async () => {
    const { done, state, keeping } = noted();
    state.leads = false;
    await vi.advanceTimersByTimeAsync(11 * MINUTE_MS);
    expect(new Set(done)).toEqual(new Set(['beat']));
    state.leads = true;
    await vi.advanceTimersByTimeAsync(11 * MINUTE_MS);
    await keeping.stop();

    expect(new Set(done)).toEqual(new Set(['beat', 'sweep', 'prune']));
  });

  it('begins no round while the last is still at it', async () => {
    const held = Promise.withResolvers<void>();
    const { state, keeping } = noted(held.promise);
    await vi.advanceTimersByTimeAsync(5 * MINUTE_MS);
    expect(state.begun).toBe(1);
    held.resolve();
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    await keeping.stop();

    expect(state.begun).toBeGreaterThan(5);
  });

  it('ends with the chore in hand and begins no other', async () => {
    const held = Promise.withResolvers<void>();
    const { done, keeping } = noted(held.promise);
    await vi.advanceTimersByTimeAsync(11_000);
    const stopped = keeping.stop().then(() => [...done]);
    held.resolve();

    expect(await stopped).toEqual(['beat']);
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    expect(done).toEqual(['beat']);
  });

  it('does not wait for a chore that hangs', async () => {
    const { done, keeping } = noted(Promise.withResolvers<void>().promise);
    await vi.advanceTimersByTimeAsync(11_000);
    const stopped = keeping.stop().then(() => [...done]);
    await vi.advanceTimersByTimeAsync(5_000);

    expect(await stopped).toEqual([]);
  });
});
