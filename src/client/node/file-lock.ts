import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { AppError } from '../../core/types/errors/app-error.js';

const POLL_MS = 25;
/** Longer than whatever is done under a lock: one request and one write. */
const WAIT_MS = 45_000;
const SQLITE_BUSY = 5;

/**
 * Does something that only one process of this user may do at a time. Held as the daemon holds its state directory: by the lock of an
 * empty SQLite file, which the kernel drops with the process, so that a killed command leaves nothing behind.
 * @throws {AppError} TIMED_OUT, or whatever `work` throws.
 */
export async function withFileLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const { DatabaseSync } = await import('node:sqlite');
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const database = new DatabaseSync(file, { timeout: 0 });
    try {
      if (isHeld(database)) return await work();
    } finally {
      database.close();
    }
    if (Date.now() > deadline) {
      throw new AppError('TIMED_OUT', `Another command has held ${file} for too long.`, { file });
    }
    await pause(POLL_MS);
  }
}

function isHeld(database: { exec(sql: string): void }): boolean {
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return false;
    throw error;
  }
}
