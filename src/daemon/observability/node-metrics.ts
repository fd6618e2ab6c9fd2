import type {
  HealthRepository,
  NodeVitals,
} from '../../core/storage/postgres/health.repository.js';
import type { Sample } from '../../core/types/models/sample.js';
import type { Metrics } from './metrics.js';

import { boundedAnswer } from './bounded-answer.js';
import { DATABASE_TIMEOUT_MS } from './readiness.js';

/** Series of `node_status`, so that a grid of any size can be scraped. */
const MAX_NODES = 10_000;
/** Of each of the dozen gauges below. Larger grids are watched through InfluxDB. */
const MAX_VITALS = 2_000;
/** Several Prometheus servers may scrape; the nodes are read once. */
const KEEP_NODES_MS = 5_000;

/** What nodes are and how they fare. Every replica tells of all of them. */
export function gaugeNodes(metrics: Metrics, health: HealthRepository): void {
  gaugeStatuses(metrics, health);
  gaugeVitals(metrics, health);
}

/** One series for each node, with the status it has; a node that is deleted has none. Every replica tells of all nodes. */
function gaugeStatuses(metrics: Metrics, health: HealthRepository): void {
  const read = boundedAnswer(
    async () => {
      const found = await health.nodeStatuses(MAX_NODES + 1);
      return { shown: found.slice(0, MAX_NODES), isComplete: found.length <= MAX_NODES };
    },
    { timeoutMs: DATABASE_TIMEOUT_MS, keepMs: KEEP_NODES_MS },
  );
  metrics.gauge(
    {
      name: 'node_status',
      help: '1 for the status that a node has.',
      labels: ['node_id', 'status'],
    },
    async () => {
      const { shown } = await read();
      return shown.map(({ id, status }) => ({ labels: { node_id: id, status }, value: 1 }));
    },
  );
  metrics.gauge(
    {
      name: 'syntropy_node_status_complete',
      help: `0 when there are more nodes than the ${MAX_NODES} that node_status tells of.`,
    },
    async () => [{ labels: {}, value: (await read()).isComplete ? 1 : 0 }],
  );
}

/** The gauges of a sample, with the part of it that each shows. */
const vitals: readonly {
  readonly name: string;
  readonly help: string;
  readonly value: (sample: Sample) => number | undefined;
}[] = [
  {
    name: 'syntropy_node_cpu_ratio',
    help: 'How much of its cores a node uses, from 0 to 1.',
    value: ({ cpuPercent }) => (cpuPercent === undefined ? undefined : cpuPercent / 100),
  },
  { name: 'syntropy_node_load1', help: 'Load of the last minute.', value: ({ load1 }) => load1 },
  {
    name: 'syntropy_node_memory_used_bytes',
    help: 'Memory that a node uses and could not give up at once.',
    value: ({ memoryUsedBytes }) => memoryUsedBytes,
  },
  {
    name: 'syntropy_node_memory_total_bytes',
    help: 'Memory that a node has.',
    value: ({ memoryTotalBytes }) => memoryTotalBytes,
  },
  {
    name: 'syntropy_node_disk_used_bytes',
    help: 'What is used of the file system that holds the root of a node.',
    value: ({ diskUsedBytes }) => diskUsedBytes,
  },
  {
    name: 'syntropy_node_disk_total_bytes',
    help: 'How large that file system is.',
    value: ({ diskTotalBytes }) => diskTotalBytes,
  },
  {
    name: 'syntropy_node_network_receive_bytes_per_second',
    help: 'What a node receives.',
    value: ({ networkRxBytesPerSecond }) => networkRxBytesPerSecond,
  },
  {
    name: 'syntropy_node_network_transmit_bytes_per_second',
    help: 'What a node sends.',
    value: ({ networkTxBytesPerSecond }) => networkTxBytesPerSecond,
  },
  {
    name: 'syntropy_node_temperature_celsius',
    help: 'Of the hottest sensor of a node.',
    value: ({ temperatureCelsius }) => temperatureCelsius,
  },
  {
    name: 'syntropy_node_uptime_seconds',
    help: 'How long ago the machine of a node was started.',
    value: ({ uptimeSeconds }) => uptimeSeconds,
  },
];

/** Of nodes that have told of themselves lately: an old value would be taken for a fresh one. How old the last word is, is told of all. */
function gaugeVitals(metrics: Metrics, health: HealthRepository): void {
  const read = boundedAnswer(
    async () => {
      const found = await health.nodeSamples(MAX_VITALS + 1);
      return { shown: found.slice(0, MAX_VITALS), isComplete: found.length <= MAX_VITALS };
    },
    { timeoutMs: DATABASE_TIMEOUT_MS, keepMs: KEEP_NODES_MS },
  );
  const gauge = (name: string, help: string, value: (node: NodeVitals) => number | undefined) =>
    metrics.gauge({ name, help, labels: ['node_id'] }, async () => {
      const { shown } = await read();
      return shown.flatMap((node) => {
        const found = value(node);
        return found === undefined ? [] : [{ labels: { node_id: node.id }, value: found }];
      });
    });
  gauge(
    'syntropy_node_last_seen_age_seconds',
    'How long ago a node was last heard of.',
    ({ ageSeconds }) => ageSeconds,
  );
  for (const { name, help, value } of vitals) {
    gauge(name, help, ({ sample }) => sample && value(sample));
  }
  metrics.gauge(
    {
      name: 'syntropy_node_gauges_complete',
      help: `0 when there are more nodes than the ${MAX_VITALS} that the gauges of nodes tell of.`,
    },
    async () => [{ labels: {}, value: (await read()).isComplete ? 1 : 0 }],
  );
}
