import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { Check } from 'typebox/value';

import { Sample } from '../../../src/contract/schemas/sample.js';
import { LinuxSampler } from '../../../src/core/platform/linux/host/sampler.js';
import { scratchFolder } from '../../support/scratch.js';

/** A machine whose kernel says what the test has written, and a clock that the test turns. */
async function machine() {
  const folder = await scratchFolder();
  const write = async (name: string, text: string) => {
    await mkdir(path.dirname(folder.file(name)), { recursive: true });
    await writeFile(folder.file(name), text);
  };
  let nowMs = 0;
  return {
    write,
    card: async (name: string, device: string) => {
      await mkdir(folder.file(`sys/devices/${device}`), { recursive: true });
      await mkdir(folder.file(`sys/class/net/${name}`), { recursive: true });
      await symlink(
        folder.file(`sys/devices/${device}`),
        folder.file(`sys/class/net/${name}/device`),
      );
    },
    later: (ms: number) => {
      nowMs += ms;
    },
    sampler: new LinuxSampler(
      { proc: folder.file('proc'), sys: folder.file('sys'), disk: '/' },
      () => nowMs,
    ),
    [Symbol.asyncDispose]: folder[Symbol.asyncDispose],
  };
}

const net = (lo: number, eth: number, bridge: number) =>
  ['lo', 'eth0', 'br0']
    .map((name, index) => {
      const bytes = [lo, eth, bridge][index] ?? 0;
      return `${name}: ${bytes} 0 0 0 0 0 0 0 ${bytes} 0 0 0 0 0 0 0`;
    })
    .join('\n');

// Goal: a sample says how the machine fares, and what cannot be known is absent and not zero.
describe('a sample', () => {
  it('has the rates since the one before, of what is a device', async () => {
    await using made = await machine();
    await made.card('eth0', 'pci0000/eth0');
    await made.write('proc/stat', 'cpu 0 0 0 100\n');
    await made.write('proc/net/dev', net(0, 0, 0));
    const first = await made.sampler.sample();
    made.later(10_000);
    await made.write('proc/stat', 'cpu 50 0 0 150\n');
    await made.write('proc/net/dev', net(9e9, 20_000, 9e9));

    const second = await made.sampler.sample();

    expect(first.cpuPercent).toBeUndefined();
    expect(first.networkRxBytesPerSecond).toBeUndefined();
    expect(second).toMatchObject({
      cpuPercent: 50,
      networkRxBytesPerSecond: 2_000,
      networkTxBytesPerSecond: 2_000,
    });
  });

  it('counts all cards but the loop where none is a device', async () => {
    await using made = await machine();
    await made.write('proc/net/dev', net(0, 0, 0));
    await made.sampler.sample();
    made.later(1_000);
    await made.write('proc/net/dev', net(5_000, 100, 20));

    expect((await made.sampler.sample()).networkRxBytesPerSecond).toBe(120);
  });

  it('has the temperature of the hottest zone, or of a sensor where there is no zone', async () => {
    await using made = await machine();
    await made.write('sys/class/hwmon/hwmon0/temp1_input', '61000\n');
    const sensor = await made.sampler.sample();
    await made.write('sys/class/thermal/thermal_zone0/temp', '42000\n');
    await made.write('sys/class/thermal/thermal_zone1/temp', '55500\n');
    await made.write('sys/class/thermal/cooling_device0/temp', '99000\n');

    expect(sensor.temperatureCelsius).toBe(61);
    expect((await made.sampler.sample()).temperatureCelsius).toBe(55.5);
  });

  it('of a machine that says nothing has its disk and nothing else', async () => {
    await using made = await machine();

    const sample = await made.sampler.sample();

    expect(Object.keys(sample)).toEqual(['diskUsedBytes', 'diskTotalBytes']);
  });

  it('of this machine is as the contract says', async () => {
    const sampler = new LinuxSampler();
    await sampler.sample();

    const sample = await sampler.sample();

    expect(Check(Sample, sample)).toBe(true);
    expect(sample.memoryTotalBytes).toBeGreaterThan(0);
    expect(sample.uptimeSeconds).toBeGreaterThan(0);
  });
});
