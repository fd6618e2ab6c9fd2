import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { AppError } from '../../types/errors/app-error.js';
import { writeFileAtomic } from './atomic-file.js';

const SQLITE_BUSY = 5;

export interface StateLock {
  release(): Promise<void>;
}

/**
 * Makes this process the only daemon of a state directory until it releases or dies.
 *
 * The lock is the exclusive lock of an empty SQLite file, because that is what Node offers of the operating system's
 * file locks on every platform: the kernel drops it with the process, so nothing stale is ever left to judge.
 * @throws {AppError} DAEMON_ALREADY_RUNNING, with the pid of the holder when it is known.
 */
export async function acquireStateLock(stateDir: string): Promise<StateLock> {
  const database = new DatabaseSync(path.join(stateDir, 'daemon.lock'), { timeout: 0 });
  const pidFile = path.join(stateDir, 'daemon.pid');
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw error;
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
      database.close();
    },
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

async function readPid(pidFile: string): Promise<number | undefined> {
  const text = await readFile(pidFile, 'utf8').catch(() => '');
  return /^\d+\n$/.test(text) ? Number(text) : undefined;
}
