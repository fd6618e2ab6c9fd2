import { setTimeout as pause } from 'node:timers/promises';

import { AppError } from '../core/types/errors/app-error.js';

/** A daemon that is gone for longer is lost; a restart of a replica is shorter. */
const LOST_AFTER_MS = 5_000;
const RETRY_MS = 250;
/** Failures that pass by themselves. */
const PASSING: readonly string[] = ['DAEMON_UNREACHABLE', 'DATABASE_UNAVAILABLE'];

/**
 * Waits for something over the restarts of a daemon: begins anew when it fails by what passes, until that has lasted for too long.
 * `work` says each time that the daemon has answered; one that never did, here or before, is not waited for.
 * @throws {AppError} as `work`.
 */
export async function overOutages<T>(
  work: (answered: () => void) => Promise<T>,
  signal: AbortSignal,
  hasAnsweredBefore = false,
): Promise<T> {
  let hasAnswered = hasAnsweredBefore;
  let lostSince: number | undefined;
  const answered = () => {
    hasAnswered = true;
    lostSince = undefined;
  };
  for (;;) {
    try {
      return await work(answered);
    } catch (error) {
      const passes = error instanceof AppError && PASSING.includes(error.code);
      if (!passes || !hasAnswered || signal.aborted) throw error;
      lostSince ??= Date.now();
      if (Date.now() - lostSince > LOST_AFTER_MS) throw error;
      await pause(RETRY_MS);
    }
  }
}
