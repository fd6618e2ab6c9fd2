import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';

import type { Daemon } from '../contract/schemas/daemon.js';

import { AppError } from '../core/types/errors/app-error.js';
import { afterMs } from '../core/utils/deadline.js';
import { failureIn } from './child-failure.js';
import { daemonProgram } from './daemon-program.js';

/** The first start makes a database, which takes seconds, and up to a minute on a slow card. */
export const START_TIMEOUT_MS = 120_000;

export interface DaemonStart {
  /** The folder that holds bin/. */
  readonly installation: string;
  readonly stateDir: string;
  readonly args: readonly string[];
  readonly timeoutMs: number;
}

/**
 * Starts a daemon that outlives this command, and waits until it serves: by then, what a crash interrupted is marked.
 * @throws {AppError} what the daemon could not start for, TIMED_OUT (it was stopped again).
 */
export async function startDaemon(start: DaemonStart): Promise<Daemon> {
  const child = spawnDetached(start);
  try {
    return await answer(child, start.timeoutMs);
  } catch (error) {
    child.kill('SIGTERM');
    throw error;
  } finally {
    if (child.connected) child.disconnect();
    child.unref();
  }
}

function spawnDetached({ installation, stateDir, args }: DaemonStart): ChildProcess {
  mkdirSync(path.join(stateDir, 'logs'), { recursive: true, mode: 0o700 });
  // What is printed outside of the log: a crash of the runtime itself.
  const stderr = openSync(path.join(stateDir, 'logs', 'daemon.stderr'), 'a', 0o600);
  const child = spawn(
    process.execPath,
    [...daemonProgram(installation), '--state-dir', stateDir, ...args],
    {
      detached: true,
      cwd: '/',
      stdio: ['ignore', stderr, stderr, 'ipc'],
    },
  );
  closeSync(stderr);
  return child;
}

function answer(child: ChildProcess, timeoutMs: number): Promise<Daemon> {
  return new Promise((resolve, reject) => {
    const patience = afterMs(timeoutMs, () =>
      reject(new AppError('TIMED_OUT', `The daemon was not ready within ${timeoutMs / 1000} s.`)),
    );
    child.once('error', (error) => reject(failedToStart(error.message)));
    child.once('exit', (status, signal) => {
      patience.clear();
      reject(failedToStart(`it ended with ${signal ?? `status ${status}`}`));
    });
    child.once('message', (message) => {
      patience.clear();
      if (isReady(message)) resolve(message.daemon);
      else reject(failureIn(message) ?? failedToStart('it said nothing that can be understood'));
    });
  });
}

function isReady(message: unknown): message is { daemon: Daemon } {
  return typeof message === 'object' && message !== null && 'daemon' in message;
}

function failedToStart(why: string): AppError {
  return new AppError('DAEMON_START_FAILED', `The daemon did not start: ${why}.`);
}
