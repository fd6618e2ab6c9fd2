import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../../types/errors/app-error.js';
import { writeFileAtomic } from './atomic-file.js';
import { acquireFileLock } from './file-lock.js';

export interface StateLock {
  release(): Promise<void>;
}

/**
 * Makes this process the only daemon of a state directory until it releases or dies.
 * @throws {AppError} DAEMON_ALREADY_RUNNING, with the pid of the holder when it is known.
 */
export async function acquireStateLock(stateDir: string): Promise<StateLock> {
  const pidFile = path.join(stateDir, 'daemon.pid');
  const lock = acquireFileLock(path.join(stateDir, 'daemon.lock'));
  if (!lock) {
    const pid = await readPid(pidFile);
    throw new AppError(
      'DAEMON_ALREADY_RUNNING',
      `A daemon runs already for ${stateDir}${pid === undefined ? '' : ` (pid ${pid})`}.`,
      { stateDir, ...(pid === undefined ? {} : { pid }) },
    );
  }
  await writeFileAtomic(pidFile, `${process.pid}\n`);
  return {
    async release() {
      await rm(pidFile, { force: true });
      lock.release();
    },
  };
}

async function readPid(pidFile: string): Promise<number | undefined> {
  const text = await readFile(pidFile, 'utf8').catch(() => '');
  return /^\d+\n$/.test(text) ? Number(text) : undefined;
}
