import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  ailmentReason,
  AilmentWatch,
  knownAilments,
} from '../../../src/core/utils/node-ailments.js';

const full = { sample: { diskUsedBytes: 95, diskTotalBytes: 100 }, skewMs: 0 };
const roomy = { sample: { diskUsedBytes: 94, diskTotalBytes: 100 }, skewMs: 0 };

/** What is wrong after each of these heartbeats. */
function watched(present: Parameters<typeof watchOf>[0], ...heard: (typeof full)[]) {
  const watch = watchOf(present);
  return heard.map((observed) => watch.observe(observed).join());
}

function watchOf(present: ConstructorParameters<typeof AilmentWatch>[0]) {
  return new AilmentWatch(present);
}

// Goal: a node at a limit does not come and go.
describe('an ailment', () => {
  it('begins with the third heartbeat in a row that says so, and ends so', () => {
    expect(watched([], full, full, full, full)).toEqual(['', '', 'disk-full', 'disk-full']);
    expect(watched(['disk-full'], roomy, roomy, roomy)).toEqual(['disk-full', 'disk-full', '']);
  });

  it('does not begin while heartbeats differ', () => {
    expect(watched([], full, full, roomy, full, full, roomy)).toEqual(['', '', '', '', '', '']);
  });

  it('neither begins nor ends by what says nothing of it', () => {
    const silent = { skewMs: 0 };
    const watch = new AilmentWatch(['disk-full', 'too-hot']);

    for (let n = 0; n < 10; n += 1) watch.observe(silent);

    expect(watch.observe(silent)).toEqual(['disk-full', 'too-hot']);
  });

  it.each([
    ['memory-short', { sample: { memoryUsedBytes: 95, memoryTotalBytes: 100 }, skewMs: 0 }],
    ['too-hot', { sample: { temperatureCelsius: 90 }, skewMs: 0 }],
    ['clock-off', { skewMs: -30_000 }],
    ['clock-off', { skewMs: 30_000 }],
    ['', { sample: { memoryUsedBytes: 0, memoryTotalBytes: 0 }, skewMs: 29_999 }],
  ])('%s is found in its place', (expected, observed) => {
    const watch = new AilmentWatch([]);

    for (let n = 0; n < 2; n += 1) watch.observe(observed);

    expect(watch.observe(observed).join()).toBe(expected);
  });

  it('never changes twice within two heartbeats', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 50 }), (heard) => {
        const states = watched([], ...heard.map((isFull) => (isFull ? full : roomy)));
        const changes = states.flatMap((state, at) =>
          state === (states[at - 1] ?? '') ? [] : [at],
        );
        const gaps = changes.slice(1).map((at, index) => at - (changes[index] ?? 0));
        expect(gaps.every((gap) => gap >= 3)).toBe(true);
      }),
    );
  });

  it('is told in words, and an unknown one not at all', () => {
    expect(ailmentReason(knownAilments(['too-hot', 'haunted', 'disk-full']))).toBe(
      'Its disk is 95 % full or more. It is 90 °C hot or hotter.',
    );
  });
});
