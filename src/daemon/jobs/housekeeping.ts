import type { Logger } from 'pino';

import type { Leadership } from '../../core/storage/postgres/leader.js';

const BEAT_MS = 10_000;
const PRUNE_MS = 10 * 60_000;

interface Chore {
  /** For the log, when it fails. */
  readonly what: string;
  readonly work: () => Promise<unknown>;
}

/** What daemons do by the clock. */
export interface Chores {
  /** By each of them, often: says that it lives. */
  readonly beat: Chore;
  /** By the one that leads, as often: takes up what dead daemons left. */
  readonly sweep: readonly Chore[];
  /** By the one that leads, now and then: forgets what is no longer kept. */
  readonly prune: readonly Chore[];
}

/** Does the chores until it is stopped. One that fails is done again the next time. */
export function startHousekeeping(
  chores: Chores,
  leadership: Leadership,
  log: Logger,
): { stop(): void } {
  const attempt = async ({ what, work }: Chore) => {
    try {
      await work();
    } catch (error) {
      log.warn({ err: error }, `${what} failed`);
    }
  };
  const every = (ms: number, own: readonly Chore[], leaders: readonly Chore[]) =>
    setInterval(async () => {
      for (const chore of own) await attempt(chore);
      for (const chore of leaders) if (leadership.leads) await attempt(chore);
    }, ms).unref();
  const timers = [every(BEAT_MS, [chores.beat], chores.sweep), every(PRUNE_MS, [], chores.prune)];
  return {
    stop() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}
