import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { latestOnly } from '../../../src/core/utils/latest-only.js';

// Goal: a slow receiver sees values in order, one at a time, and always the last one.
describe('latest only', () => {
  it('hands over in order, never two at once, and ends with the newest', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(3), { minLength: 1, maxLength: 30 }), async (turns) => {
        const received: number[] = [];
        let busy = 0;
        let mostBusy = 0;
        const latest = latestOnly<number>(async (value) => {
          busy += 1;
          mostBusy = Math.max(mostBusy, busy);
          await Promise.resolve();
          received.push(value);
          busy -= 1;
        });

        for (const [value, count] of turns.entries()) {
          latest.offer(value);
          for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
        }
        await latest.settled();

        expect(mostBusy).toBe(1);
        expect(received.at(-1)).toBe(turns.length - 1);
        expect(received).toEqual(received.toSorted((a, b) => a - b));
      }),
    );
  });
});
