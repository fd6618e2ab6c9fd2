import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  cpuPercent,
  networkRates,
  parseCpuTimes,
  parseLoad,
  parseMemory,
  parseNetworks,
  parseTemperature,
  parseUptime,
} from '../../../src/core/platform/linux/host/proc.js';

// Goal: what the kernel says is read as its manual means it, and nothing that it may say breaks the reader.
describe('the time of the cores', () => {
  it('is their sum without idling and waiting', () => {
    const text = 'cpu  100 5 50 800 40 3 2 10 7 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n';

    expect(parseCpuTimes(text)).toEqual({ busy: 170, total: 1010 });
  });

  it('of an old kernel, with four columns, is read as well', () => {
    expect(parseCpuTimes('cpu 1 2 3 4\n')).toEqual({ busy: 6, total: 10 });
  });

  it.each(['', 'intr 1 2 3 4', 'cpu', 'cpu a b c d', 'cpu 1 2 3'])('is none in %j', (text) => {
    expect(parseCpuTimes(text)).toBeUndefined();
  });

  it('makes a share of the time between two readings', () => {
    expect(cpuPercent({ busy: 100, total: 1000 }, { busy: 150, total: 1200 })).toBe(25);
    expect(cpuPercent({ busy: 1, total: 9 }, { busy: 1, total: 9 })).toBeUndefined();
    expect(cpuPercent({ busy: 9, total: 9 }, { busy: 1, total: 99 })).toBeUndefined();
  });

  it('is from 0 to 100, whatever the counters say', () => {
    const times = fc.record({ busy: fc.nat(), total: fc.nat() });
    fc.assert(
      fc.property(times, times, (before, after) => {
        const percent = cpuPercent(before, after) ?? 0;
        expect(percent).toBeGreaterThanOrEqual(0);
        expect(percent).toBeLessThanOrEqual(100);
      }),
    );
  });
});

describe('memory', () => {
  it('is used as far as the kernel could not give it up', () => {
    const text =
      'MemTotal:        1000 kB\nMemFree:          100 kB\nMemAvailable:     400 kB\nSwapTotal:       200 kB\nSwapFree:        150 kB\n';

    expect(parseMemory(text)).toEqual({
      memory: { used: 600 * 1024, total: 1000 * 1024 },
      swap: { used: 50 * 1024, total: 200 * 1024 },
    });
  });

  it('is unknown where the kernel is silent', () => {
    expect(parseMemory('MemTotal: 1000 kB\n')).toEqual({ memory: undefined, swap: undefined });
  });
});

const dev = (rx: number, tx: number) =>
  `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0
  eth0:${rx} 10 0 0 0 0 0 0 ${tx} 9 0 0 0 0 0 0
`;

describe('the network', () => {
  it('is read card by card, also where a number touches the name', () => {
    expect(parseNetworks(dev(1000, 200))).toEqual(
      new Map([
        ['lo', { rx: 5, tx: 5 }],
        ['eth0', { rx: 1000, tx: 200 }],
      ]),
    );
  });

  it('has rates of the cards that were there before', () => {
    const before = parseNetworks(dev(1000, 200));
    const after = new Map([...parseNetworks(dev(3000, 300)), ['eth1', { rx: 1e9, tx: 1e9 }]]);

    expect(networkRates(before, after, 2)).toEqual({ rx: 1000, tx: 50 });
    expect(networkRates(before, after, 0)).toBeUndefined();
  });

  it('has no negative rate when a card came up anew', () => {
    expect(networkRates(parseNetworks(dev(1000, 200)), parseNetworks(dev(1, 1)), 1)).toEqual({
      rx: 0,
      tx: 0,
    });
  });
});

describe('the rest', () => {
  it('is load, uptime and temperature', () => {
    expect(parseLoad('0.50 1.25 2.00 1/123 4567\n')).toEqual([0.5, 1.25, 2]);
    expect(parseUptime('350735.47 234388.90\n')).toBe(350_735.47);
    expect(parseTemperature('48500\n')).toBe(48.5);
  });

  it('is unknown where there is nothing, or nothing possible', () => {
    expect([parseLoad(''), parseUptime(''), parseTemperature('')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(['-274000', '255000', 'hot'].map(parseTemperature)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
