import { describe, expect, it } from 'vitest';

import { formatAge, formatBytes, formatSeconds } from '../../../src/cli/format.js';

describe('a size', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [15_631_122_432, '15.6 GB'],
    [274_877_906_944, '275 GB'],
    [999_950, '1.0 MB'],
  ])('of %d bytes reads as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('a time span', () => {
  it.each([
    [0, '0s'],
    [45.4, '45s'],
    [60, '1m'],
    [200, '3m 20s'],
    [18_120, '5h 2m'],
    [86_400 * 12 + 3 * 3600 + 59, '12d 3h'],
    [3605, '1h'],
    [-3, '0s'],
  ])('of %d s reads as %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });

  it('is counted from a time of the daemon’s', () => {
    expect(formatAge('2026-01-02T03:04:05.000Z', Date.parse('2026-01-02T03:05:05.000Z'))).toBe(
      '1m',
    );
  });
});
