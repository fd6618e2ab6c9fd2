import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { pauseMs, toldPauseMs } from '../../../src/agent/back-off.js';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

// Goal: agents come back soon, not all at once, and nobody can tell them to stay away.
describe('the pause before an agent connects again', () => {
  it('is at least as long as a busy daemon has said, and never more than a minute', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.nat(10_000), random, (failures, seconds, chance) => {
        const pause = pauseMs(failures, seconds * 1_000, () => chance);

        expect(pause).toBeGreaterThanOrEqual(Math.min(seconds, 50) * 1_000);
        expect(pause).toBeLessThanOrEqual(60_000);
      }),
    );
  });

  it('is not the same for all who were told the same', () => {
    expect(pauseMs(0, 1_000, () => 0.9)).toBeGreaterThan(pauseMs(0, 1_000, () => 0));
    expect(pauseMs(0, 50_000, () => 0.9)).toBeGreaterThan(pauseMs(0, 50_000, () => 0));
  });

  it('grows with each failure, to twenty seconds', () => {
    const longest = [1, 2, 3, 4, 5, 50].map((failures) => pauseMs(failures, undefined, () => 1));

    expect(longest).toEqual([2_100, 4_100, 8_100, 16_100, 20_100, 20_100]);
    expect(pauseMs(50, undefined, () => 0)).toBe(100);
  });
});

describe('what Retry-After says', () => {
  it.each([
    ['0', 0],
    ['7', 7_000],
    ['999999999', 999_999_999_000],
    ['', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['1e3', undefined],
    ['soon', undefined],
    ['Wed, 21 Oct 2026 07:28:00 GMT', undefined],
    ['9'.repeat(400), undefined],
    [undefined, undefined],
  ])('%s is %s ms', (header, ms) => {
    expect(toldPauseMs(header)).toBe(ms);
  });
});
