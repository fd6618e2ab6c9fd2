import { DatabaseSync } from 'node:sqlite';

const SQLITE_BUSY = 5;

export interface FileLock {
  release(): void;
}

/**
 * Holds a file for this process alone, until it releases it or dies. Undefined when another process holds it.
 *
 * It is the exclusive lock of an empty SQLite file, because that is what Node offers of the operating system's file locks
 * on every platform: the kernel drops it with the process, so nothing stale is ever left to judge.
 */
export function acquireFileLock(file: string): FileLock | undefined {
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    // A journal would be a file beside it, for which a full disk has no room; nothing is ever written that would need one.
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return { release: () => database.close() };
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) {
      return undefined;
    }
    throw error;
  }
}
