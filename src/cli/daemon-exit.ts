import { setTimeout as pause } from 'node:timers/promises';

import type { SyntropyClient } from '../client/client.js';
import type { Daemon } from '../contract/schemas/daemon.js';

import { AppError } from '../core/types/errors/app-error.js';
import { isAlive } from '../core/utils/is-alive.js';

const POLL_MS = 50;
const REMOTE_POLL_MS = 250;
const ANSWER_TIMEOUT_MS = 5_000;

/** Waits until a process is no more. @throws {AppError} TIMED_OUT. */
export async function waitForExit(pid: number, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (isAlive(pid)) {
    if (Date.now() > deadline) {
      throw new AppError('TIMED_OUT', `The daemon (pid ${pid}) has not ended yet.`, { pid });
    }
    await pause(POLL_MS);
  }
}

/**
 * Waits until a daemon elsewhere answers no more, or another one does in its place, as behind a balancer.
 * @throws {AppError} TIMED_OUT.
 */
export async function waitForSilence(
  client: SyntropyClient,
  { id, startedAt }: Pick<Daemon, 'id' | 'startedAt'>,
  timeoutMs: number,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    const answers = await client
      .call('daemon.get', {}, { timeoutMs: ANSWER_TIMEOUT_MS })
      .then((daemon) => daemon.id === id && daemon.startedAt === startedAt)
      .catch((error: unknown) => !isUnreachable(error));
    if (!answers) return;
    await pause(REMOTE_POLL_MS);
  }
  throw new AppError('TIMED_OUT', 'The daemon has not ended yet.', { daemon: id });
}

/** Whether a failure means that nothing is there. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof AppError && error.code === 'DAEMON_UNREACHABLE';
}
