import type { OperationOutput } from '../contract/registry.js';

import { formatBytes, formatRate, formatSeconds } from './format.js';
import { isUtf8, mean, sparkline } from './sparkline.js';

export type History = OperationOutput<'nodes.samples'>;
type Point = History['points'][number];

/** What a history shows, a line each. */
interface Series {
  readonly title: string;
  readonly value: (point: Point) => number | undefined;
  readonly format: (value: number) => string;
  /** The value of the highest mark; the greatest that there was unless said. */
  readonly most?: number;
}

const NAME_WIDTH = 13;
const MAX_WIDTH = 60;

const share = (used: number | undefined, total: number | undefined) =>
  used === undefined || !total ? undefined : (used / total) * 100;
const percent = (value: number) => `${Math.round(value)} %`;

const series: readonly Series[] = [
  { title: 'CPU', value: (point) => point.cpuPercent, format: percent, most: 100 },
  {
    title: 'Memory',
    value: (point) => share(point.memoryUsedBytes, point.memoryTotalBytes),
    format: percent,
    most: 100,
  },
  {
    title: 'Disk',
    value: (point) => share(point.diskUsedBytes, point.diskTotalBytes),
    format: percent,
    most: 100,
  },
  { title: 'Load', value: (point) => point.load1, format: (value) => value.toFixed(2) },
  {
    title: 'Temperature',
    value: (point) => point.temperatureCelsius,
    format: (value) => `${Math.round(value)} °C`,
  },
  { title: 'Received', value: (point) => point.networkRxBytesPerSecond, format: formatRate },
  { title: 'Sent', value: (point) => point.networkTxBytesPerSecond, format: formatRate },
];

/** How a machine fared: marks on a terminal, the least, the mean and the most anywhere. */
export function describeHistory(
  history: History,
  asked: { readonly sinceSeconds: number; readonly nowMs: number },
  terminal = process.stdout.isTTY,
): string {
  const step = formatSeconds(history.resolutionSeconds);
  const head = `The last ${formatSeconds(asked.sinceSeconds)}, a point for ${step}:`;
  const slots = inTime(history, asked);
  const lines = series.flatMap(({ title, value, format, most }) => {
    const values = slots.map((point) => point && value(point));
    const known = values.filter((one) => one !== undefined);
    if (known.length === 0) return [];
    const numbers = `least ${format(Math.min(...known))}, mean ${format(mean(known))}, most ${format(Math.max(...known))}`;
    const marks = sparkline(values, { width: MAX_WIDTH, most, unicode: isUtf8(process.env) });
    return [`${title.padEnd(NAME_WIDTH)}${terminal ? `${marks}  ` : ''}${numbers}`];
  });
  return lines.length > 0 ? [head, ...lines].join('\n') : `${head}\nNothing was heard of it.`;
}

/** A place for every step of the time that was asked for, so that silence shows as what it is. */
function inTime(
  { points, resolutionSeconds }: History,
  { sinceSeconds, nowMs }: { readonly sinceSeconds: number; readonly nowMs: number },
): readonly (Point | undefined)[] {
  const stepMs = resolutionSeconds * 1_000;
  const last = Math.floor(nowMs / stepMs);
  const known = new Map(points.map((point) => [Math.floor(Date.parse(point.at) / stepMs), point]));
  const count = Math.max(1, Math.ceil(sinceSeconds / resolutionSeconds));
  return Array.from({ length: count }, (_, slot) => known.get(last - count + 1 + slot));
}

/** `3.2 of 8.0 GB, 40 %`. */
export function formatUsage(
  used: number | undefined,
  total: number | undefined,
): string | undefined {
  const part = share(used, total);
  if (part === undefined || used === undefined || total === undefined) return undefined;
  return `${formatBytes(used)} of ${formatBytes(total)}, ${percent(part)}`;
}
