import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { MAX_POINTS, planHistory } from '../../../src/core/utils/history.js';

const HOUR = 3_600;
const DAY = 24 * HOUR;
const kept = { raw: 2 * HOUR, minute: 7 * DAY, hour: 400 * DAY };

// Goal: a question for a year is as cheap to answer as one for an hour.
describe('a history', () => {
  it.each([
    [60, 'raw', 10],
    [HOUR, 'raw', 10],
    [4_990, 'raw', 10],
    [4_991, 'raw', 30],
    [2 * HOUR, 'raw', 30],
    [3 * HOUR, 'minute', 60],
    [DAY, 'minute', 300],
    [7 * DAY, 'hour', 3_600],
    [400 * DAY, 'hour', DAY],
  ])('of %i s is told by %s, a point for %i s', (since, source, stepSeconds) => {
    expect(planHistory(since, kept)).toEqual({ source, stepSeconds });
  });

  it('has no more than so many points, and is told from what is kept', () => {
    const retention = fc.record({
      raw: fc.integer({ min: HOUR, max: 48 * HOUR }),
      minute: fc.integer({ min: DAY, max: 90 * DAY }),
      hour: fc.integer({ min: DAY, max: 3_650 * DAY }),
    });
    fc.assert(
      fc.property(fc.integer({ min: 60, max: 400 * DAY }), retention, (since, seconds) => {
        const { source, stepSeconds } = planHistory(since, seconds);
        expect(Math.floor(since / stepSeconds) + 1).toBeLessThanOrEqual(MAX_POINTS);
        expect(source === 'hour' || seconds[source] >= since).toBe(true);
      }),
    );
  });
});
