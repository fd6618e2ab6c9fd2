import type { HealthRepository } from '../../core/storage/postgres/health.repository.js';
import type { Metrics } from './metrics.js';

import { boundedAnswer } from './bounded-answer.js';
import { DATABASE_TIMEOUT_MS } from './readiness.js';

/** Several Prometheus servers may scrape; the containers are counted once. */
const KEEP_MS = 5_000;

/** How many containers there are, by their status. Every replica tells of all of them. */
export function gaugeContainers(metrics: Metrics, health: HealthRepository): void {
  const read = boundedAnswer(() => health.containerStatuses(), {
    timeoutMs: DATABASE_TIMEOUT_MS,
    keepMs: KEEP_MS,
  });
  metrics.gauge(
    {
      name: 'syntropy_containers',
      help: 'How many containers have which status; one that is removed has none.',
      labels: ['status'],
    },
    async () => (await read()).map(({ status, count }) => ({ labels: { status }, value: count })),
  );
}
