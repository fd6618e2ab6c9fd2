import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Allowance } from '../../../src/daemon/limits/limiter.js';

import { LocalLimiter } from '../../../src/daemon/limits/limiter.js';

const TEN: Allowance = { kind: 'subject', limit: 10, windowMs: 60_000 };

function limiterAt(time: { ms: number }) {
  return new LocalLimiter(() => time.ms);
}

// Goal: what is counted here is right by the clock, and takes a bounded room.
describe('a limiter of one process', () => {
  it('does as the simplest one does', () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b'),
      cost: fc.integer({ min: -3, max: 6 }),
      afterMs: fc.constantFrom(0, 0, 0, 20_000, 60_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const time = { ms: 1_000 };
        const limiter = limiterAt(time);
        const model = new Map<string, { used: number; endsAt: number }>();
        for (const { key, cost, afterMs } of steps) {
          time.ms += afterMs;
          const open = model.get(key);
          const window =
            open && open.endsAt > time.ms ? open : { used: 0, endsAt: time.ms + TEN.windowMs };
          const allowed = window.used + cost <= TEN.limit;
          if (allowed) window.used = Math.max(0, window.used + cost);
          if (window.used > 0 || window === open) model.set(key, window);

          expect(limiter.take(key, cost, TEN)).toEqual({
            allowed,
            limit: TEN.limit,
            remaining: TEN.limit - window.used,
            resetMs: window.endsAt - time.ms,
          });
        }
      }),
    );
  });

  it('gives a limit to whoever was forgotten, and nothing to those of another kind', () => {
    const time = { ms: 0 };
    const limiter = limiterAt(time);
    limiter.take('guessed', 10, { ...TEN, kind: 'login' });

    for (let flood = 0; flood <= 50_000; flood += 1) {
      limiter.take(`address ${flood}`, 10, { ...TEN, kind: 'address' });
    }

    expect(limiter.take('guessed', 1, { ...TEN, kind: 'login' }).allowed).toBe(false);
    expect(limiter.take('address 50000', 1, { ...TEN, kind: 'address' }).allowed).toBe(false);
    // The oldest of the flood made room.
    expect(limiter.take('address 0', 1, { ...TEN, kind: 'address' }).allowed).toBe(true);
  });

  it('refuses nobody longer than a window when the clock is set back', () => {
    const time = { ms: 3_600_000 };
    const limiter = limiterAt(time);
    limiter.take('a', 10, TEN);

    time.ms = 0;

    expect(limiter.take('a', 1, TEN)).toMatchObject({ allowed: true, resetMs: 60_000 });
  });
});
