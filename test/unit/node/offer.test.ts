import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { beyondCapacity } from '../../../src/core/utils/offer.js';

const parts = fc.record({
  cpuMillis: fc.nat(),
  memoryBytes: fc.maxSafeNat(),
  diskBytes: fc.maxSafeNat(),
});

// Goal: nobody is promised what a machine does not have.
describe('an offer', () => {
  it('is refused for each part that the machine has less of, and for no other', () => {
    fc.assert(
      fc.property(parts, parts, (offer, capacity) => {
        const beyond = (['cpuMillis', 'memoryBytes', 'diskBytes'] as const).filter(
          (part) => offer[part] > capacity[part],
        );
        const said = beyondCapacity(offer, capacity);

        expect(said).toHaveLength(beyond.length);
        for (const sentence of said) {
          const [, offered, there] =
            /^The offer of (\S+ \S+).* is more than the (\S+ \S+) that there are\.$/.exec(
              sentence,
            ) ?? [];
          expect(offered).toBeDefined();
          expect(offered).not.toBe(there);
        }
      }),
    );
  });

  it('is believed while nobody knows what the machine has', () => {
    expect(beyondCapacity({ cpuMillis: 1e9 }, undefined)).toEqual([]);
  });

  it('may be all that there is, and may leave parts out', () => {
    const all = { cpuMillis: 4_000, memoryBytes: 8, diskBytes: 9 };

    expect(beyondCapacity(all, all)).toEqual([]);
    expect(beyondCapacity({}, all)).toEqual([]);
  });
});
