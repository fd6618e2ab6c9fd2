import type { Membership } from '../agent-files.js';
import type { Log } from '../log.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { version } from '../../core/utils/version.js';
import { ReleaseHome } from './home.js';
import { Updates } from './updates.js';

/** A new release that the daemon has not answered by then gives way to the one before. */
const TRIAL_MS = 120_000;

interface RunningParts {
  /** Absent where this program was not installed. */
  readonly home: string | undefined;
  readonly membership: Membership;
  readonly log: Log;
  /** Ends this process in order, to be started anew. */
  readonly again: () => void;
  /** Aborts when this process is to end. */
  readonly signal: AbortSignal;
  readonly trialMs?: number;
}

/** What an agent that was installed has to do with its releases: to prove itself when it is new, and to be replaced when it is told. */
export async function runningRelease(parts: RunningParts) {
  const { home: directory, membership, log, again, signal, trialMs = TRIAL_MS } = parts;
  if (directory === undefined) return {};
  const home = new ReleaseHome(directory);
  const updates = new Updates({
    home,
    membership,
    version,
    platform: `${process.platform}-${process.arch}`,
    log,
    signal,
    onReplaced: again,
  });
  await updates.begin();
  const trial = await home.trial();
  if (!trial) return { updates };
  if (trial.id !== (await home.currentId())) {
    // It was never made current: the power was cut in between.
    await home.endTrial();
    return { updates };
  }
  if (trial.version !== version) {
    // The launcher counts this, and goes back: told again, it would come to the same.
    throw new AppError(
      'AGENT_RELEASE_INVALID',
      `What was to be ${trial.version} is ${version}, so it gives way to the one before.`,
    );
  }
  log.info('this version is on trial', { version, before: trial.from });
  const timer = setTimeout(() => {
    log.error('the daemon has not answered this version in time', { version });
    again();
  }, trialMs);
  let isOver = false;
  const onAlive = () => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    void home.endTrial().catch((error: unknown) => {
      // The next heartbeat tries again: a trial that stays would take the next start for a failed one.
      isOver = false;
      log.warn('the trial could not be ended', { reason: String(error) });
    });
  };
  return { updates, onAlive };
}
