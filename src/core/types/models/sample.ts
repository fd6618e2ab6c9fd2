/**
 * How a machine fared at one moment. What it could not tell is absent. `cpuPercent` (of all cores together) and the rates of the network
 * are means since the moment before; `…UsedBytes` is at most `…TotalBytes`.
 */
export interface Sample {
  readonly cpuPercent?: number;
  readonly load1?: number;
  readonly load5?: number;
  readonly load15?: number;
  readonly memoryUsedBytes?: number;
  readonly memoryTotalBytes?: number;
  readonly swapUsedBytes?: number;
  readonly swapTotalBytes?: number;
  /** Of the file system that holds `/`. */
  readonly diskUsedBytes?: number;
  readonly diskTotalBytes?: number;
  readonly networkRxBytesPerSecond?: number;
  readonly networkTxBytesPerSecond?: number;
  readonly temperatureCelsius?: number;
  readonly uptimeSeconds?: number;
}

const BYTES = [0, Number.MAX_SAFE_INTEGER] as const;
const LOAD = [0, 1e6] as const;
const RATE = [0, 1e13] as const;

/** The names of what a sample tells, and the smallest and the largest value that is possible: what is beyond was not measured. */
export const sampleRanges = {
  cpuPercent: [0, 100],
  load1: LOAD,
  load5: LOAD,
  load15: LOAD,
  memoryUsedBytes: BYTES,
  memoryTotalBytes: BYTES,
  swapUsedBytes: BYTES,
  swapTotalBytes: BYTES,
  diskUsedBytes: BYTES,
  diskTotalBytes: BYTES,
  networkRxBytesPerSecond: RATE,
  networkTxBytesPerSecond: RATE,
  temperatureCelsius: [-100, 200],
  uptimeSeconds: [0, 1e10],
} as const satisfies Readonly<Record<keyof Sample, readonly [number, number]>>;

/** A sample, and when the database heard of it. */
export interface SampleAt extends Sample {
  readonly at: Date;
}
