import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { createIdempotencyGate } from '../../../src/daemon/idempotency.js';

const call = { subject: 'ana', key: 'k', operation: 'nodes.update', input: {} };

/** A store that is away for the first so many writes of an end. */
function storeAwayFor(failures: number) {
  const written: string[] = [];
  let left = failures;
  const write = async (what: string) => {
    left -= 1;
    if (left >= 0) throw new TypeError('away');
    written.push(what);
  };
  return {
    written,
    claim: async () => ({ kind: 'claimed' }) as const,
    complete: async () => write('completed'),
    release: async () => write('released'),
  };
}

async function failing(): Promise<never> {
  throw new RangeError('the call itself');
}

// Goal: a key is not left claimed by a call that has ended, only because the database was away when it did.
describe('the end of a keyed call', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is written down when the database is back, and the caller is told of the failure', async () => {
    const store = storeAwayFor(3);
    const gate = createIdempotencyGate(store);

    await expect(gate.once(call, async () => 'done', [])).rejects.toThrow('away');
    await vi.advanceTimersByTimeAsync(10_000);

    expect(store.written).toEqual(['completed']);
  });

  it('frees the key of a call that failed, whose own failure is what the caller sees', async () => {
    const store = storeAwayFor(2);
    const gate = createIdempotencyGate(store);

    await expect(gate.once(call, failing, [])).rejects.toThrow('the call itself');
    await vi.advanceTimersByTimeAsync(10_000);

    expect(store.written).toEqual(['released']);
  });
});
