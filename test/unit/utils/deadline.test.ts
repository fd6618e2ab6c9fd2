import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { afterMs, atTime } from '../../../src/core/utils/deadline.js';

const DAY_MS = 24 * 3600_000;

// Goal: a time that is further away than a timer can count comes when it comes, and not at once.
describe('a deadline', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([0, 1, 24, 25, 30, 90, 365])('in %i days comes then', (days) => {
    let passed = 0;
    atTime(new Date(Date.now() + days * DAY_MS + 5), () => {
      passed += 1;
    });

    vi.advanceTimersByTime(days * DAY_MS);
    expect(passed).toBe(0);
    vi.advanceTimersByTime(5);
    expect(passed).toBe(1);
  });

  it('that was cleared, or that there is none of, never comes', () => {
    let passed = 0;
    const act = () => {
      passed += 1;
    };
    atTime(new Date(Date.now() + 40 * DAY_MS), act).clear();
    atTime(undefined, act);

    vi.advanceTimersByTime(400 * DAY_MS);

    expect(passed).toBe(0);
  });

  it.each([0, 1, 24, 25, 50, 365])('after %i days comes then, whoever sets the clock', (days) => {
    let passed = 0;
    afterMs(days * DAY_MS + 5, () => {
      passed += 1;
    });
    vi.setSystemTime(Date.now() + 1000 * DAY_MS);

    vi.advanceTimersByTime(days * DAY_MS);
    expect(passed).toBe(0);
    vi.advanceTimersByTime(5);
    expect(passed).toBe(1);
  });

  it('after a span that was cleared, or that there is none of, never comes', () => {
    let passed = 0;
    const act = () => {
      passed += 1;
    };
    const long = afterMs(40 * DAY_MS, act);
    vi.advanceTimersByTime(30 * DAY_MS);
    long.clear();
    afterMs(undefined, act);

    vi.advanceTimersByTime(400 * DAY_MS);

    expect(passed).toBe(0);
  });
});
