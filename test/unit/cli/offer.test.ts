import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { formatOffer, parseOffer } from '../../../src/cli/offer.js';

// Goal: what an owner types is what is lent, to the byte, or is refused.
describe('an offer on a command line', () => {
  it.each([
    [
      'cpu=2,memory=4GiB,disk=50GiB',
      { cpuMillis: 2_000, memoryBytes: 2 ** 32, diskBytes: 50 * 2 ** 30 },
    ],
    ['cpu=0.5', { cpuMillis: 500 }],
    ['memory=1.5GB, disk=1000', { memoryBytes: 1.5e9, diskBytes: 1_000 }],
    ['none', null],
  ])('%s is read', (text, offer) => {
    expect(parseOffer(text)).toEqual(offer);
  });

  it.each([
    '',
    'cpu',
    'cpu=',
    'cpu=-1',
    'cpu=1e3',
    'cpu=0x10',
    'cpu=1.2345',
    'cpu=2,cpu=3',
    'memory=4gib',
    'memory=4 KiB B',
    'memory=99999999999TiB',
    'gpu=1',
    'toString=1',
    'memory=1toString',
    'cpu=2,',
  ])('"%s" is refused', (text) => {
    expect(() => parseOffer(text)).toThrow(expect.objectContaining({ code: 'USAGE_INVALID' }));
  });

  it('is whole bytes and thousandths, whatever is typed', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('cpu', 'memory', 'disk'), (value, part) => {
        let offer;
        try {
          offer = parseOffer(`${part}=${value}`);
        } catch {
          return;
        }
        expect(
          Object.values(offer ?? {}).every((number) => Number.isSafeInteger(number) && number >= 0),
        ).toBe(true);
      }),
    );
  });

  it('is shown as it is typed', () => {
    const text = 'cpu=1.5, memory=4 GiB, disk=50 GiB';

    expect(formatOffer(parseOffer(text.replaceAll(' ', '')) ?? {})).toBe(text);
  });
});
