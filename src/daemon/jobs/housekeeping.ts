import type { Logger } from 'pino';

import type { Config } from '../../core/config/load.js';
import type { DaemonRepository } from '../../core/storage/postgres/daemon.repository.js';
import type { EventRepository } from '../../core/storage/postgres/event.repository.js';
import type { IdempotencyRepository } from '../../core/storage/postgres/idempotency.repository.js';

const BEAT_MS = 10_000;
const PRUNE_MS = 10 * 60_000;

/** What a daemon does by the clock: says that it lives, and forgets what is no longer kept. */
export function startHousekeeping(deps: {
  readonly config: Config;
  readonly daemons: DaemonRepository;
  readonly daemonId: string;
  readonly events: EventRepository;
  readonly idempotency: IdempotencyRepository;
  readonly log: Logger;
}): { stop(): void } {
  const { config, daemons, daemonId, events, idempotency, log } = deps;
  const every = (ms: number, what: string, work: () => Promise<void>) =>
    setInterval(() => {
      work().catch((error: unknown) => log.warn({ err: error }, `${what} failed`));
    }, ms).unref();
  const timers = [
    every(BEAT_MS, 'heartbeat', () => daemons.beat(daemonId)),
    every(PRUNE_MS, 'pruning', async () => {
      await events.prune(config.get('events.maxRows'), config.get('events.maxAgeDays'));
      await idempotency.prune();
    }),
  ];
  return {
    stop() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}
