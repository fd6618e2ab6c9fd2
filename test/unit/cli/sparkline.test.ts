import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isUtf8, sparkline } from '../../../src/cli/sparkline.js';

// Goal: a line of marks says what the numbers say, on any terminal.
describe('a sparkline', () => {
  it('rises with its values, up to the most', () => {
    const values = [0, 12, 25, 50, 75, 99, 100];

    expect(sparkline(values, { width: 60, most: 100, unicode: true })).toBe('▁▁▃▅▇██');
    expect(sparkline(values, { width: 60, most: 100, unicode: false })).toBe('__-=*##');
  });

  it('is measured by its greatest value unless said, and is flat when all is nothing', () => {
    expect(sparkline([1, 2, 4], { width: 60, unicode: true })).toBe('▃▅█');
    expect(sparkline([0, 0], { width: 60, unicode: true })).toBe('▁▁');
  });

  it('has a gap where nothing is known', () => {
    expect(sparkline([1, undefined, 1], { width: 60, unicode: false })).toBe('# #');
  });

  it('is never wider than it may be, and ASCII where it has to be', () => {
    const values = fc.array(fc.option(fc.double({ min: 0, noNaN: true }), { nil: undefined }), {
      maxLength: 600,
    });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 80 }), (told, width) => {
        const line = sparkline(told, { width, unicode: false });
        expect(line).toHaveLength(Math.min(width, told.length));
        expect(line).toMatch(/^[ _.\-:=+*#]*$/);
      }),
    );
  });

  it.each([
    [{ LANG: 'de_DE.UTF-8' }, true],
    [{ LANG: 'C' }, false],
    [{ LANG: 'C.UTF-8', LC_ALL: 'C' }, false],
    [{ LC_CTYPE: 'en_US.utf8' }, true],
    [{}, false],
  ])('is in UTF-8 with %j: %s', (env, expected) => {
    expect(isUtf8(env)).toBe(expected);
  });
});
