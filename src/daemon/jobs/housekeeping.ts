import type { Logger } from 'pino';

import { slept } from '../../core/utils/slept.js';

import type { Leadership } from '../../core/storage/postgres/leader.js';

const BEAT_MS = 10_000;
const PRUNE_MS = 10 * 60_000;
/** A chore that hangs on the database does not hold up a stop for longer. */
const STOP_TIMEOUT_MS = 5_000;

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

/** Does the chores until it is stopped, a round never before the last one has ended. One that fails is done again the next time. */
export function startHousekeeping(
  chores: Chores,
  leadership: Leadership,
  log: Logger,
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const attempt = async ({ what, work }: Chore) => {
    try {
      if (!signal.aborted) await work();
    } catch (error) {
      log.warn({ err: error }, `${what} failed`);
    }
  };
  const every = async (ms: number, own: readonly Chore[], leaders: readonly Chore[]) => {
    while (await slept(ms, signal)) {
      for (const chore of own) await attempt(chore);
      for (const chore of leaders) if (leadership.leads) await attempt(chore);
    }
  };
  const rounds = [every(BEAT_MS, [chores.beat], chores.sweep), every(PRUNE_MS, [], chores.prune)];
  return {
    /** Resolves when the chore in hand is done, for it needs what is closed next; after a while in any case. */
    async stop() {
      stopping.abort();
      await Promise.race([
        Promise.all(rounds),
        slept(STOP_TIMEOUT_MS, new AbortController().signal),
      ]);
    },
  };
}
