import type { Membership } from '../agent-files.js';
import type { Log } from '../log.js';

import { version } from '../../core/utils/version.js';
import { ReleaseHome } from './home.js';
import { Updates } from './updates.js';

/** A new release that the daemon has not welcomed by then gives way to the one before. */
const TRIAL_MS = 120_000;

interface RunningParts {
  /** Absent where this program was not installed. */
  readonly home: string | undefined;
  readonly membership: Membership;
  readonly log: Log;
  /** Ends this process in order, to be started anew. */
  readonly again: () => void;
  readonly trialMs?: number;
}

/** What an agent that was installed has to do with its releases: to prove itself when it is new, and to be replaced when it is told. */
export async function runningRelease(parts: RunningParts) {
  const { home: directory, membership, log, again, trialMs = TRIAL_MS } = parts;
  if (directory === undefined) return {};
  const home = new ReleaseHome(directory);
  const updates = new Updates({
    home,
    membership,
    version,
    platform: `${process.platform}-${process.arch}`,
    log,
    onReplaced: again,
  });
  await updates.begin();
  const trial = await home.trial();
  // Another release is on trial, and was never made current: the power was cut in between.
  if (trial && trial.version !== version) await home.endTrial();
  if (trial?.version !== version) return { updates };
  log.info('this version is on trial', { version, before: trial.from });
  const timer = setTimeout(() => {
    log.error('the daemon has not welcomed this version in time', { version });
    again();
  }, trialMs);
  const onWelcome = () => {
    clearTimeout(timer);
    void home.endTrial().catch((error: unknown) => {
      log.warn('the trial could not be ended', { reason: String(error) });
    });
  };
  return { updates, onWelcome };
}
