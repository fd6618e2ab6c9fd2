import { setTimeout as pause } from 'node:timers/promises';

import { AppError } from '../core/types/errors/app-error.js';

const POLL_MS = 50;

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

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process: it lives.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
