import { describe, expect, it, vi } from 'vitest';

import { watchEventLoop } from '../../../src/daemon/observability/event-loop.js';

// Goal: a process that gets to nothing is restarted, one that is merely busy is not.
describe('the event loop', () => {
  it('is late by what it was kept from, before and after the beat that shows it', () => {
    vi.useFakeTimers();
    let now = 0;
    const loop = watchEventLoop(() => now);
    try {
      now = 500;
      vi.advanceTimersByTime(500);
      expect([loop.lagMs(), loop.isLive()]).toEqual([0, true]);

      // A probe that is answered first after the loop was held up for seven seconds.
      now = 7_500;
      expect([loop.lagMs(), loop.isLive()]).toEqual([6_500, false]);
      vi.advanceTimersByTime(500);
      expect([loop.lagMs(), loop.isLive()]).toEqual([6_500, false]);

      now = 8_000;
      vi.advanceTimersByTime(500);
      expect([loop.lagMs(), loop.isLive()]).toEqual([0, true]);
    } finally {
      loop.stop();
      expect(vi.getTimerCount()).toBe(0);
      vi.useRealTimers();
    }
  });
});
