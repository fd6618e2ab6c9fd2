import { describe, expect, it, vi } from 'vitest';

import { boundedAnswer } from '../../../src/daemon/observability/bounded-answer.js';

const limits = { timeoutMs: 2_000, keepMs: 5_000 };

// Goal: health and metrics are asked for by anybody, as often as they like, and the database feels none of it.
describe('a bounded answer', () => {
  it('is asked for once, for all who wait and a while after', async () => {
    let now = 0;
    const ask = vi.fn(async () => now);
    const answer = boundedAnswer(ask, { ...limits, now: () => now });

    const together = await Promise.all([answer(), answer(), answer()]);
    now = 4_999;
    const kept = await answer();
    now = 5_001;
    const fresh = await answer();

    expect([...together, kept, fresh]).toEqual([0, 0, 0, 0, 5_001]);
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it('keeps a failure too, and asks again after it', async () => {
    let now = 0;
    const ask = vi.fn(async () => {
      if (now === 0) throw new TypeError('gone');
      return 'back';
    });
    const answer = boundedAnswer(ask, { ...limits, now: () => now });

    await expect(answer()).rejects.toThrow('gone');
    await expect(answer()).rejects.toThrow('gone');
    expect(ask).toHaveBeenCalledTimes(1);
    now = 5_001;

    await expect(answer()).resolves.toBe('back');
  });

  it('fails those who have waited too long, and asks no second time while the first goes on', async () => {
    vi.useFakeTimers();
    try {
      const first = Promise.withResolvers<string>();
      const ask = vi.fn(() => first.promise);
      const answer = boundedAnswer(ask, { ...limits, keepMs: 0 });

      const refusal = answer().catch((error: unknown) => error);
      await vi.advanceTimersByTimeAsync(2_000);
      expect(await refusal).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
      const again = answer();
      first.resolve('late');

      await expect(again).resolves.toBe('late');
      expect(ask).toHaveBeenCalledTimes(1);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
