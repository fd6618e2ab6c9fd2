import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Check } from 'typebox/value';

import { Hardware } from '../../../src/contract/schemas/hardware.js';
import { Sample } from '../../../src/contract/schemas/sample.js';
import { sampleRanges } from '../../../src/core/types/models/sample.js';
import { tidyHardware } from '../../../src/core/utils/tidy-hardware.js';
import { tidySample } from '../../../src/core/utils/tidy-sample.js';

const anything = fc.oneof(
  fc.double(),
  fc.constantFrom(undefined, null, '12', 5e-324, -0, Number.MAX_VALUE, Infinity, NaN),
);

const list = (item: fc.Arbitrary<object>) => fc.array(item, { maxLength: 60 });

// Goal: whatever a machine tells, what is kept of it is possible, bounded and harmless.
describe('a tidy sample', () => {
  it('is as the contract says, whatever was told', () => {
    const told = fc.record(
      Object.fromEntries(Object.keys(sampleRanges).map((name) => [name, anything])),
    );
    fc.assert(
      fc.property(told, (sample) => {
        const tidy = tidySample(sample);
        expect(Check(Sample, tidy)).toBe(true);
        expect(tidySample({ ...tidy })).toEqual(tidy);
        for (const value of Object.values(tidy)) {
          // Nothing so small that a database would not take it.
          expect(value === 0 || Math.abs(value) >= 0.01).toBe(true);
        }
      }),
    );
  });

  it('has no more used than there is', () => {
    expect(
      tidySample({ diskUsedBytes: 9, diskTotalBytes: 5, memoryUsedBytes: 1, memoryTotalBytes: 5 }),
    ).toEqual({ diskUsedBytes: 5, diskTotalBytes: 5, memoryUsedBytes: 1, memoryTotalBytes: 5 });
  });

  it('leaves out what no machine has', () => {
    expect(tidySample({ cpuPercent: 101, load1: -1, temperatureCelsius: -20 })).toEqual({
      temperatureCelsius: -20,
    });
  });
});

describe('tidy hardware', () => {
  const text = fc.string({ unit: 'binary', maxLength: 300 });

  it('is as the contract says, whatever was told', () => {
    const told = fc.record({
      os: fc.record({ name: text, kernel: text }),
      cpu: fc.record({ model: text, cores: fc.double(), threads: fc.integer() }),
      memoryBytes: fc.double(),
      virtualisation: text,
      disks: list(fc.record({ name: text, model: text, sizeBytes: fc.double() })),
      networks: list(
        fc.record({ name: text, mac: text, addresses: fc.array(text, { maxLength: 30 }) }),
      ),
      gpus: list(fc.record({ model: text, vendor: text })),
    });
    fc.assert(
      fc.property(told, (hardware) => {
        expect(Check(Hardware, tidyHardware(hardware))).toBe(true);
      }),
    );
  });

  it('says nothing of what says nothing', () => {
    expect(
      tidyHardware({
        system: { manufacturer: 'To Be Filled By O.E.M.', model: ' - ' },
        firmware: { vendor: '' },
        disks: [],
        cpu: { model: 'Z80\u001B[2J', cores: 0 },
      }),
    ).toEqual({ cpu: { model: 'Z80[2J' } });
  });
});
