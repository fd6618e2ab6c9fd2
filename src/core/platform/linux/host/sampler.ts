import { readdir, readFile, realpath, statfs } from 'node:fs/promises';
import path from 'node:path';

import type { Sample } from '../../../types/models/sample.js';

import { tidySample } from '../../../utils/tidy-sample.js';
import {
  cpuPercent,
  type CpuTimes,
  type NetworkBytes,
  networkRates,
  parseCpuTimes,
  parseLoad,
  parseMemory,
  parseNetworks,
  parseTemperature,
  parseUptime,
} from './proc.js';

const MAX_SENSORS = 64;

/** Where the system tells of itself; elsewhere in tests. */
interface SamplerRoots {
  readonly proc: string;
  readonly sys: string;
  /** The file system whose space is told. */
  readonly disk: string;
}

interface Reading {
  readonly atMs: number;
  readonly cpu: CpuTimes | undefined;
  readonly networks: ReadonlyMap<string, NetworkBytes>;
}

/** Reads how this machine fares, from a handful of small files of the kernel; no process is started. Not for concurrent use. */
export class LinuxSampler {
  readonly #roots: SamplerRoots;
  readonly #nowMs: () => number;
  #before: Reading | undefined;

  /** @param nowMs - a clock that never goes back. */
  constructor(
    roots: SamplerRoots = { proc: '/proc', sys: '/sys', disk: '/' },
    nowMs: () => number = () => performance.now(),
  ) {
    this.#roots = roots;
    this.#nowMs = nowMs;
  }

  /** What cannot be read is left out; the first one knows no rates. Never rejects. */
  async sample(): Promise<Sample> {
    const proc = (name: string) => text(path.join(this.#roots.proc, name));
    const before = this.#before;
    const load = parseLoad(await proc('loadavg'));
    const { memory, swap } = parseMemory(await proc('meminfo'));
    const now: Reading = {
      atMs: this.#nowMs(),
      cpu: parseCpuTimes(await proc('stat')),
      networks: await this.#cards(parseNetworks(await proc('net/dev'))),
    };
    this.#before = now;
    const rates =
      before && networkRates(before.networks, now.networks, (now.atMs - before.atMs) / 1_000);
    const disk = await diskUsage(this.#roots.disk);
    return tidySample({
      cpuPercent: before?.cpu && now.cpu && cpuPercent(before.cpu, now.cpu),
      load1: load?.[0],
      load5: load?.[1],
      load15: load?.[2],
      memoryUsedBytes: memory?.used,
      memoryTotalBytes: memory?.total,
      swapUsedBytes: swap?.used,
      swapTotalBytes: swap?.total,
      diskUsedBytes: disk?.used,
      diskTotalBytes: disk?.total,
      networkRxBytesPerSecond: rates?.rx,
      networkTxBytesPerSecond: rates?.tx,
      temperatureCelsius: await this.#temperature(),
      uptimeSeconds: parseUptime(await proc('uptime')),
    });
  }

  /** Those that are devices: what goes over a bridge or a tunnel goes over one of them as well. In a container, where none is, all but the loop. */
  async #cards(all: ReadonlyMap<string, NetworkBytes>) {
    const devices = new Map<string, NetworkBytes>();
    for (const [name, bytes] of all) {
      const device = path.join(this.#roots.sys, 'class/net', name, 'device');
      const real = await realpath(device).catch(() => '/virtual/');
      if (!real.includes('/virtual/')) devices.set(name, bytes);
    }
    if (devices.size > 0) return devices;
    return new Map([...all].filter(([name]) => name !== 'lo'));
  }

  /** Of the hottest zone; of the hottest sensor where the kernel knows no zones. */
  async #temperature(): Promise<number | undefined> {
    const zones = await this.#sensors('class/thermal', /^thermal_zone\d+$/, /^temp$/);
    if (zones !== undefined) return zones;
    return this.#sensors('class/hwmon', /^hwmon\d+$/, /^temp\d+_input$/);
  }

  async #sensors(kind: string, folder: RegExp, file: RegExp): Promise<number | undefined> {
    const root = path.join(this.#roots.sys, kind);
    const found: number[] = [];
    for (const name of await entries(root, folder)) {
      for (const sensor of await entries(path.join(root, name), file)) {
        const celsius = parseTemperature(await text(path.join(root, name, sensor)));
        if (celsius !== undefined) found.push(celsius);
      }
    }
    return found.length > 0 ? Math.max(...found) : undefined;
  }
}

/** As `df` counts: what is kept for root is neither used nor there. */
async function diskUsage(directory: string) {
  const stats = await statfs(directory).catch(() => undefined);
  if (!stats) return undefined;
  const used = (stats.blocks - stats.bfree) * stats.bsize;
  return { used, total: used + stats.bavail * stats.bsize };
}

async function entries(directory: string, wanted: RegExp): Promise<readonly string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => wanted.test(name)).slice(0, MAX_SENSORS);
}

/** Empty for what is not there or may not be read. */
function text(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}
