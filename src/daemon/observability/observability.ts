import type { Pool } from 'pg';

import type { Config } from '../../core/config/load.js';
import type { Dispatch } from '../dispatch.js';
import type { Limits } from '../limits/policy.js';
import type { Tracing } from './tracing.js';

import { HealthRepository } from '../../core/storage/postgres/health.repository.js';
import { version } from '../../core/utils/version.js';
import { observeDispatch } from './call-metrics.js';
import { watchEventLoop } from './event-loop.js';
import { createHttpMetrics, type HttpMetrics } from './http-metrics.js';
import { observeLimits } from './limit-metrics.js';
import { type Counter, createMetrics, type Metrics } from './metrics.js';
import { listenForOps, type OpsListener } from './ops-listener.js';
import { gaugeContainers } from './container-metrics.js';
import { gaugeNodes } from './node-metrics.js';
import { createReadiness, DATABASE_TIMEOUT_MS } from './readiness.js';

/** What only the daemon that is composed can count. */
export interface Counts {
  readonly runningJobs: () => number;
  readonly followers: () => number;
  readonly webSockets: () => number;
  readonly agents: () => number;
  /** Lines that wait for InfluxDB. */
  readonly influxLines: () => number;
}

export interface Observability {
  readonly http: HttpMetrics;
  readonly dispatch: (dispatch: Dispatch) => Dispatch;
  readonly limits: (limits: Limits) => Limits;
  /** What became of lines for InfluxDB. */
  readonly influx: { readonly written: Counter; readonly dropped: Counter };
  /** Opens the listener for probes and metrics. Until then nothing can be seen of this daemon. */
  listen(counts: Counts): Promise<OpsListener>;
  /** The daemon begins to stop: not ready from now on. */
  stopping(): void;
}

/** Everything by which a daemon is watched, wired. */
export function composeObservability(deps: {
  readonly config: Config;
  readonly pool: Pool;
  readonly schemaVersion: number;
  readonly tracing?: Tracing | undefined;
  /** What the daemon can do without, by name: whether it is there. */
  readonly parts: Readonly<Record<string, () => 'ok' | 'degraded'>>;
}): Observability {
  const { config, pool, tracing } = deps;
  const metrics = createMetrics();
  const health = new HealthRepository(pool, DATABASE_TIMEOUT_MS);
  const http = createHttpMetrics(metrics);
  const readiness = createReadiness({
    readSchemaVersion: () => health.schemaVersion(),
    schemaVersion: deps.schemaVersion,
    parts: deps.parts,
  });
  return {
    http,
    dispatch: (dispatch) => observeDispatch(dispatch, metrics, tracing),
    limits: (limits) => observeLimits(limits, metrics),
    influx: countInflux(metrics),
    async listen(counts) {
      gaugeDaemon(metrics, pool, deps.parts, counts);
      gaugeNodes(metrics, health);
      gaugeContainers(metrics, health);
      const eventLoop = watchEventLoop();
      const listener = await listenForOps({
        listen: config.get('ops.listen'),
        allowedHosts: names(config.get('ops.allowedHosts')),
        metrics,
        readiness,
        eventLoop,
      });
      return {
        url: listener.url,
        close: () => {
          eventLoop.stop();
          return listener.close();
        },
      };
    },
    stopping: () => readiness.stop(),
  };
}

function gaugeDaemon(
  metrics: Metrics,
  pool: Pool,
  parts: Readonly<Record<string, () => 'ok' | 'degraded'>>,
  counts: Counts,
): void {
  metrics.gauge(
    { name: 'syntropy_build_info', help: 'Version of this daemon.', labels: ['version'] },
    () => [{ labels: { version }, value: 1 }],
  );
  metrics.gauge(
    { name: 'syntropy_jobs_running', help: 'Operations at work in this daemon.' },
    counts.runningJobs,
  );
  metrics.gauge(
    { name: 'syntropy_event_followers', help: 'Callers that follow events here.' },
    counts.followers,
  );
  metrics.gauge(
    { name: 'syntropy_websocket_connections', help: 'Open WebSocket connections.' },
    counts.webSockets,
  );
  metrics.gauge(
    { name: 'syntropy_agents_connected', help: 'Agents of nodes that are connected here.' },
    counts.agents,
  );
  metrics.gauge(
    { name: 'syntropy_influx_lines_waiting', help: 'Lines that wait to be taken by InfluxDB.' },
    counts.influxLines,
  );
  metrics.gauge(
    {
      name: 'syntropy_database_connections',
      help: 'Connections of the pool, and callers who wait for one.',
      labels: ['state'],
    },
    () => [
      { labels: { state: 'active' }, value: pool.totalCount - pool.idleCount },
      { labels: { state: 'idle' }, value: pool.idleCount },
      { labels: { state: 'waiting' }, value: pool.waitingCount },
    ],
  );
  metrics.gauge(
    {
      name: 'syntropy_degraded',
      help: 'Whether this daemon works without a part that it should have.',
      labels: ['part'],
    },
    () =>
      Object.entries(parts).map(([part, state]) => ({
        labels: { part },
        value: state() === 'ok' ? 0 : 1,
      })),
  );
}

function countInflux(metrics: Metrics): Observability['influx'] {
  const lines = metrics.counter({
    name: 'syntropy_influx_lines_total',
    help: 'Lines for InfluxDB, by what became of them.',
    labels: ['outcome'],
  });
  return { written: lines('written'), dropped: lines('dropped') };
}

function names(text: string): readonly string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
