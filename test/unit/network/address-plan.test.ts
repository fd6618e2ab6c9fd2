import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  addressesOf,
  addressPlan,
  DEFAULT_V4_PREFIX,
  nextHost,
  uniqueLocalPrefix,
} from '../../../src/core/services/network/address-plan.js';

const V6 = 'fd77:1234:5678::/48';
const refused = (run: () => unknown, code: string, text: RegExp) =>
  expect(run).toThrow(expect.objectContaining({ code, message: expect.stringMatching(text) }));

// Goal: each node has an address of each family that no other has had lately, and a full plan says that it is full.
describe('the address plan', () => {
  it('gives a node the same place in both families', () => {
    const plan = addressPlan(DEFAULT_V4_PREFIX, V6);

    expect(plan.hosts).toBe(65_534);
    expect(addressesOf(plan, 1)).toEqual({ v4: '10.77.0.1', v6: 'fd77:1234:5678::1' });
    expect(addressesOf(plan, 65_534)).toEqual({ v4: '10.77.255.254', v6: 'fd77:1234:5678::fffe' });
  });

  it('comes back to an address that was forgotten only after all the others', () => {
    const plan = addressPlan('10.77.0.0/29', V6);

    expect(nextHost(plan, new Set([1, 3]), 3)).toBe(4);
    expect(nextHost(plan, new Set([3, 4, 5, 6]), 6)).toBe(1);
  });

  it('says that it is full, and takes nobody’s address', () => {
    const plan = addressPlan('10.77.0.0/30', V6);

    refused(
      () => nextHost(plan, new Set([1, 2]), 2),
      'ADDRESSES_EXHAUSTED',
      /All 2 .*10\.77\.0\.0\/30/,
    );
    refused(() => addressesOf(plan, 3), 'ADDRESSES_EXHAUSTED', /no number 3/);
  });

  it('refuses what belongs to others, what is too small, and what is no prefix', () => {
    refused(() => addressPlan('8.8.0.0/16', V6), 'INPUT_INVALID', /"8\.8\.0\.0\/16" is not in/);
    refused(() => addressPlan('10.0.0.0/7', V6), 'INPUT_INVALID', /is an address in|is not in/);
    refused(() => addressPlan(DEFAULT_V4_PREFIX, '2001:db8::/48'), 'INPUT_INVALID', /fd00::\/8/);
    refused(
      () => addressPlan('10.77.0.4/31', V6),
      'INPUT_INVALID',
      /"10\.77\.0\.4\/31" has no room/,
    );
    refused(() => addressPlan(V6, DEFAULT_V4_PREFIX), 'INPUT_INVALID', /is not in/);
  });

  it('makes a ULA prefix of forty random bits', () => {
    const prefix = uniqueLocalPrefix(Uint8Array.from([1, 2, 3, 4, 255]));

    expect(prefix).toBe('fd01:203:4ff::/48');
    expect(addressPlan(DEFAULT_V4_PREFIX, prefix).hosts).toBe(65_534);
  });

  it('never gives an address that is remembered, whatever comes and goes', () => {
    const comings = fc.array(fc.oneof(fc.constant('join' as const), fc.nat(40)), {
      maxLength: 120,
    });
    fc.assert(
      fc.property(comings, fc.integer({ min: 26, max: 29 }), (steps, length) => {
        const plan = addressPlan(`10.77.0.0/${length}`, V6);
        const remembered = new Map<number, string>();
        let last = 0;
        for (const step of steps) {
          if (step !== 'join') {
            remembered.delete([...remembered.keys()][step] ?? 0);
            continue;
          }
          if (remembered.size === plan.hosts) {
            refused(
              () => nextHost(plan, new Set(remembered.keys()), last),
              'ADDRESSES_EXHAUSTED',
              /All/,
            );
            continue;
          }
          last = nextHost(plan, new Set(remembered.keys()), last);
          expect(remembered.has(last)).toBe(false);
          remembered.set(last, addressesOf(plan, last).v4);
          expect(new Set(remembered.values()).size).toBe(remembered.size);
        }
      }),
    );
  });
});
