import type { Sample } from '../types/models/sample.js';

import { sampleRanges } from '../types/models/sample.js';

/**
 * A sample as it can be kept: what is no number, negative or more than a machine can have is left out, what is used is at most what there
 * is, and no value has more than two decimals.
 */
export function tidySample(sample: Readonly<Record<string, unknown>>): Sample {
  const kept = Object.fromEntries(
    Object.entries(sampleRanges).flatMap(([name, [minimum, maximum]]) => {
      const value = sample[name];
      const isPossible = typeof value === 'number' && value >= minimum && value <= maximum;
      return isPossible ? [[name, rounded(value, name)]] : [];
    }),
  );
  const tidy: Sample = kept;
  return {
    ...tidy,
    ...atMost('memoryUsedBytes', tidy.memoryUsedBytes, tidy.memoryTotalBytes),
    ...atMost('swapUsedBytes', tidy.swapUsedBytes, tidy.swapTotalBytes),
    ...atMost('diskUsedBytes', tidy.diskUsedBytes, tidy.diskTotalBytes),
  };
}

function rounded(value: number, name: string): number {
  // Also takes -0 and numbers that are too small for the database away.
  return /Bytes|Seconds/.test(name) ? Math.round(value) + 0 : Math.round(value * 100) / 100 + 0;
}

function atMost(name: string, used: number | undefined, total: number | undefined): Sample {
  return used !== undefined && total !== undefined && used > total ? { [name]: total } : {};
}
