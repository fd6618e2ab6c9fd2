import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  contains,
  longestMatch,
  overlaps,
  parseAddress,
  parsePrefix,
  prefixOf,
  requirePrefix,
  sizeOf,
} from '../../../src/core/utils/ip-prefix.js';

const refused = (text: string, why: RegExp) => {
  expect(parsePrefix(text)).toBeUndefined();
  expect(() => requirePrefix(text)).toThrow(
    expect.objectContaining({ code: 'INPUT_INVALID', message: expect.stringMatching(why) }),
  );
};

// Goal: what a person writes is one prefix or an error, and what lies in what is never guessed.
describe('prefixes', () => {
  it.each([
    '10.1',
    '1.2.3',
    '010.1.1.1',
    '0x1.2.3.4',
    '10.1.1.256',
    '::ffff:10.0.0.1',
    'fe80::1%eth0',
    '/8',
    '',
    'node-01',
    '10.0.0.1;reboot',
  ])('refuses %j as an address', (text) => {
    expect(parseAddress(text)).toBeUndefined();
    refused(text, /is no IP address/);
  });

  it.each([
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/8/8',
    'fd00::/129',
    '10.0.0.0/ 8',
  ])('refuses %j as a prefix', (text) => refused(text, /is no prefix/));

  it('says which prefix an address with a length is in', () => {
    refused('10.99.0.7/24', /the prefix is 10\.99\.0\.0\/24/);
  });

  it('takes no prefix for an address', () => {
    expect(parseAddress('10.99.0.7/32')).toBeUndefined();
  });

  it('writes what it reads, and one text for each', () => {
    expect(requirePrefix('10.99.0.10').text).toBe('10.99.0.10/32');
    expect(requirePrefix('0.0.0.0/0').text).toBe('0.0.0.0/0');
    expect(requirePrefix('FD00:0:0:1::/64').text).toBe('fd00:0:0:1::/64');
    for (const text of ['FD77:0:0::1', 'fd77::0001', 'fd77:0000::1']) {
      expect(parseAddress(text)).toMatchObject({ address: 'fd77::1', text: 'fd77::1/128' });
    }
  });

  it('is made of any address in it', () => {
    expect(prefixOf(4, 0x0a_63_00_07n, 24).text).toBe('10.99.0.0/24');
    expect(sizeOf(requirePrefix('10.99.0.0/24'))).toBe(256n);
  });

  it('follows the longest prefix, and the first of equals', () => {
    const table = ['10.0.0.0/8', '10.99.0.0/16', '10.99.1.0/24', '10.99.0.0/16', 'fd00::/8'].map(
      (text, index) => ({ prefix: requirePrefix(text), index }),
    );

    expect(longestMatch(table, requirePrefix('10.99.7.1'))?.index).toBe(1);
    expect(longestMatch(table, requirePrefix('10.99.1.128/25'))?.index).toBe(2);
    expect(longestMatch(table, requirePrefix('192.168.1.1'))).toBeUndefined();
  });

  it('agrees with counting, address by address', () => {
    const prefix = fc
      .record({ value: fc.nat(255), length: fc.integer({ min: 24, max: 32 }) })
      .map(({ value, length }) => {
        const host = 32 - length;
        return { first: (value >> host) << host, size: 2 ** host, length };
      });
    fc.assert(
      fc.property(prefix, prefix, (a, b) => {
        const [p, q] = [a, b].map(({ first, length }) => parsePrefix(`10.0.0.${first}/${length}`));
        const isShared = a.first < b.first + b.size && b.first < a.first + a.size;
        const isWithin = a.first <= b.first && b.first + b.size <= a.first + a.size;
        if (!p || !q) return;
        expect([overlaps(p, q), contains(p, q)]).toEqual([isShared, isWithin]);
      }),
    );
  });

  it('keeps every address as it is', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        fc.pre(
          !/^(0*:)*:?ffff:|^::ffff:/i.test(text) && !/^(0:){5}/.test(text) && !text.includes('.'),
        );
        const parsed = parseAddress(text);
        expect(parsed).toBeDefined();
        expect(parsed && parseAddress(parsed.address)).toEqual(parsed);
      }),
    );
  });
});
