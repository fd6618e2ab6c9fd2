import {
  collectDefaultMetrics,
  Counter as CounterMetric,
  Gauge,
  Histogram as HistogramMetric,
  Registry,
} from '@prometheus-io/client';

import { CellFamily, CounterCell, HistogramCell } from './cells.js';

export interface Counter {
  add(amount?: number): void;
}

export interface Histogram {
  observe(value: number): void;
}

/** One line of a gauge. */
export interface Reading {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Described {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/**
 * What the daemon says about itself in numbers. A counter or histogram is asked for once for each combination of label values, which
 * must come from a set that the program bounds, and then kept: counting is an addition. Everything else is read when somebody looks.
 */
export interface Metrics {
  counter(spec: Described): (...values: readonly string[]) => Counter;
  histogram(
    spec: Described & { readonly buckets: readonly number[] },
  ): (...values: readonly string[]) => Histogram;
  /** One that cannot be read is left out, and `syntropy_scrape_collector_success` says so. */
  gauge(
    spec: Described,
    read: () => number | readonly Reading[] | Promise<readonly Reading[]>,
  ): void;
  /** All of it in the text format of Prometheus. Those who look at once see the same. */
  render(): Promise<string>;
  readonly contentType: string;
}

/** Prometheus’s own client behind the port, with what it tells of process, heap, garbage collection and event loop. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const success = new Map<string, number>();
  let rendering: Promise<string> | undefined;
  const metrics: Metrics = {
    counter: (spec) => counter(registry, spec),
    histogram: (spec) => histogram(registry, spec),
    gauge: (spec, read) => gauge(registry, spec, read, success),
    render: () => {
      rendering ??= render(registry).finally(() => {
        rendering = undefined;
      });
      return rendering;
    },
    contentType: registry.contentType,
  };
  return metrics;

  async function render(from: Registry): Promise<string> {
    const text = await from.metrics();
    return `${text}${successLines(success)}`;
  }
}

function counter(registry: Registry, { name, help, labels = [] }: Described) {
  const family = new CellFamily(labels, (values) => new CounterCell(values));
  const metric = new CounterMetric({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect() {
      metric.reset();
      for (const cell of family.all()) metric.inc(cell.labels, cell.value);
    },
  });
  return (...values: readonly string[]): Counter => family.cell(values);
}

function histogram(registry: Registry, spec: Described & { readonly buckets: readonly number[] }) {
  const { labels = [], buckets } = spec;
  const family = new CellFamily(labels, (values) => new HistogramCell(values, buckets));
  // The client's own histogram looks its labels up with each observation, which would cost as much as a small call.
  registry.registerMetric(new CellHistogram(spec, family));
  return (...values: readonly string[]): Histogram => family.cell(values);
}

/** Says what the cells hold, in the place of what it would have observed itself. */
class CellHistogram extends HistogramMetric<string> {
  readonly #family: CellFamily<HistogramCell>;
  readonly #spec: Described;

  constructor(
    spec: Described & { readonly buckets: readonly number[] },
    family: CellFamily<HistogramCell>,
  ) {
    super({
      name: spec.name,
      help: spec.help,
      labelNames: [...(spec.labels ?? [])],
      buckets: [...spec.buckets],
      registers: [],
    });
    this.#family = family;
    this.#spec = spec;
  }

  override async get() {
    const { name, help } = this.#spec;
    const values = this.#family.all().flatMap((cell) => linesOf(name, cell));
    return { name, help, type: 'histogram', aggregator: 'sum', collect() {}, values } as const;
  }

  /** What the registry asks for, where there is one, to write its text. */
  getForPromString() {
    return this.get();
  }
}

function linesOf(name: string, cell: HistogramCell) {
  const bucket = (le: string, value: number) => ({
    metricName: `${name}_bucket`,
    labels: { ...cell.labels, le },
    value,
  });
  return [
    ...cell.cumulative().map(({ bound, count }) => bucket(String(bound), count)),
    bucket('+Inf', cell.count),
    { metricName: `${name}_sum`, labels: cell.labels, value: cell.sum },
    { metricName: `${name}_count`, labels: cell.labels, value: cell.count },
  ];
}

function gauge(
  registry: Registry,
  { name, help, labels = [] }: Described,
  read: () => number | readonly Reading[] | Promise<readonly Reading[]>,
  success: Map<string, number>,
): void {
  const metric = new Gauge({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    async collect() {
      try {
        const found = await read();
        metric.reset();
        const readings = typeof found === 'number' ? [{ labels: {}, value: found }] : found;
        for (const reading of readings) metric.set(reading.labels, reading.value);
        success.set(name, 1);
      } catch {
        // A stale value would be taken for a fresh one.
        metric.reset();
        success.set(name, 0);
      }
    },
  });
}

/** Written last, when it is known. */
function successLines(success: ReadonlyMap<string, number>): string {
  const name = 'syntropy_scrape_collector_success';
  const lines = [...success].map(([of, value]) => `${name}{collector="${of}"} ${value}`);
  return [
    `\n# HELP ${name} Whether this metric could be read.`,
    `# TYPE ${name} gauge`,
    ...lines,
    '',
  ].join('\n');
}
