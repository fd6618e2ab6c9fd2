import { sql } from 'kysely';

import type { Sample, SampleAt } from '../../types/models/sample.js';

/** The column of each value, and its type. */
const columns = {
  cpuPercent: ['cpu_percent', 'double precision'],
  load1: ['load1', 'double precision'],
  load5: ['load5', 'double precision'],
  load15: ['load15', 'double precision'],
  memoryUsedBytes: ['memory_used', 'bigint'],
  memoryTotalBytes: ['memory_total', 'bigint'],
  swapUsedBytes: ['swap_used', 'bigint'],
  swapTotalBytes: ['swap_total', 'bigint'],
  diskUsedBytes: ['disk_used', 'bigint'],
  diskTotalBytes: ['disk_total', 'bigint'],
  networkRxBytesPerSecond: ['network_rx', 'double precision'],
  networkTxBytesPerSecond: ['network_tx', 'double precision'],
  temperatureCelsius: ['temperature', 'double precision'],
  uptimeSeconds: ['uptime', 'bigint'],
} as const satisfies Readonly<Record<keyof Sample, readonly [string, string]>>;

/** What is older says nothing of now. */
export const LATEST_WITHIN_SECONDS = 120;

/** Every value of a sample, as a list of columns. */
export const sampleColumnNames = Object.values(columns)
  .map(([name]) => name)
  .join(', ');
export const sampleColumns = sql.raw(sampleColumnNames);

/** The same with their types, as a record of JSON is read. */
export const sampleRecord = sql.raw(
  Object.values(columns)
    .map(([name, type]) => `${name} ${type}`)
    .join(', '),
);

/** The mean of each, weighted by a column, under its own name and of its own type. */
export function meanColumns(weight: string) {
  const mean = ([name, type]: readonly [string, string]) =>
    `(sum(${name} * ${weight}) / nullif(sum(${weight}) filter (where ${name} is not null), 0))::${type} as ${name}`;
  return sql.raw(Object.values(columns).map(mean).join(', '));
}

/** A row of samples. bigint arrives as text. */
export type SampleRow = {
  readonly [Key in (typeof columns)[keyof Sample][0]]: number | string | null;
} & { readonly at: Date };

export function toSampleRow(sample: Sample): Readonly<Record<string, number | undefined>> {
  const values = new Map<string, number>(Object.entries(sample));
  return Object.fromEntries(
    Object.entries(columns).map(([key, [name]]) => [name, values.get(key)]),
  );
}

export function toSample(row: Partial<SampleRow> & Pick<SampleRow, 'at'>): SampleAt {
  const values = Object.entries(columns).flatMap(([key, [name]]) => {
    const value = row[name];
    return value === null || value === undefined ? [] : [[key, Number(value)]];
  });
  return { at: row.at, ...Object.fromEntries(values) };
}
