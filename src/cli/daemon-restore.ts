import { spawn } from 'node:child_process';
import path from 'node:path';

import { AppError } from '../core/types/errors/app-error.js';
import { isErrorCode } from '../core/types/errors/codes.js';
import { afterMs } from '../core/utils/deadline.js';

export interface Restore {
  /** Folder that holds bin/. */
  readonly installation: string;
  readonly stateDir: string;
  readonly file: string;
  readonly yes: boolean;
  readonly timeoutMs: number;
}

/**
 * Runs a restore in a daemon process that serves nothing, and answers what it restored.
 * @throws {AppError} with the code the process gives; TIMED_OUT, after which it has been stopped.
 */
export async function restoreDaemon(restore: Restore): Promise<unknown> {
  const program = path.join(restore.installation, 'bin', 'syntropy-daemon.mjs');
  const argv = ['restore', restore.file, '--state-dir', restore.stateDir];
  const child = spawn(process.execPath, [program, ...argv, ...(restore.yes ? ['--yes'] : [])], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const patience = afterMs(restore.timeoutMs, () => child.kill());
  return new Promise<unknown>((resolve, reject) => {
    child.once('message', (message) => {
      if (isRestored(message)) resolve(message.restored);
      else reject(failureOf(message));
    });
    child.once('error', reject);
    child.once('exit', (_, signal) => {
      // After a message this is heard by nobody.
      reject(
        signal === 'SIGTERM'
          ? new AppError('TIMED_OUT', 'The restore did not end in time and was stopped.')
          : new AppError('DAEMON_START_FAILED', 'The restore ended without a word.'),
      );
    });
  }).finally(() => patience.clear());
}

function isRestored(message: unknown): message is { readonly restored: unknown } {
  return typeof message === 'object' && message !== null && 'restored' in message;
}

function failureOf(message: unknown): AppError {
  const error =
    typeof message === 'object' && message !== null && 'error' in message ? message.error : {};
  const { code, message: text, details }: Record<string, unknown> = { ...asObject(error) };
  return new AppError(
    isErrorCode(code) ? code : 'INTERNAL',
    typeof text === 'string' ? text : 'The restore failed.',
    { ...detailsOf(details) },
  );
}

function asObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

function detailsOf(value: unknown): Record<string, string | number | boolean> {
  return Object.fromEntries(
    Object.entries(asObject(value)).flatMap(([key, detail]) =>
      typeof detail === 'string' || typeof detail === 'number' || typeof detail === 'boolean'
        ? [[key, detail]]
        : [],
    ),
  );
}
