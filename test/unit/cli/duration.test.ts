import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseDuration } from '../../../src/cli/duration.js';

describe('a duration', () => {
  it.each([
    ['30s', 30_000],
    ['500ms', 500],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['2w1d', 1_296_000_000],
  ])('of %s is %d ms', (text, ms) => {
    expect(parseDuration(text, 'timeout')).toBe(ms);
  });

  it.each(['', '30', 's', '0s', '-5s', '1.5h', '1h 30m', '1y', '5s!', '999999999w', '1h30'])(
    'is not written as %j',
    (text) => {
      expect(() => parseDuration(text, 'timeout')).toThrow(
        expect.objectContaining({ code: 'USAGE_INVALID', details: { flag: 'timeout' } }),
      );
    },
  );

  it.each(['99999d', '3651d', '522w'])('of %s is longer than any may be', (text) => {
    expect(() => parseDuration(text, 'ttl')).toThrow(
      expect.objectContaining({
        code: 'USAGE_INVALID',
        message: `--ttl "${text}" is too long; the longest is 3650d.`,
      }),
    );
  });

  it('is the sum of its parts, or refused: it is never guessed', () => {
    const part = fc.tuple(fc.integer({ min: 1, max: 999 }), fc.constantFrom('ms', 's', 'm', 'h'));
    const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
        const text = parts.map(([count, name]) => `${count}${name}`).join('');
        const ms = parts.reduce((sum, [count, name]) => sum + count * unit[name], 0);
        expect(parseDuration(text, 'timeout')).toBe(ms);
      }),
    );
  });
});
