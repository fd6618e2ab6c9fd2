import type { AgentFiles } from './agent-files.js';

import { acquireFileLock } from '../core/storage/files/file-lock.js';
import { AppError } from '../core/types/errors/app-error.js';
import { isAlive } from '../core/utils/is-alive.js';
import { slept } from '../core/utils/slept.js';

const LOCK_ATTEMPTS = 5;
const LOCK_RETRY_MS = 50;

/** Makes this process the only one that works with these files, until it releases them or dies. @throws {AppError} AGENT_RUNNING. */
export async function holdAgent(files: AgentFiles) {
  for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt += 1) {
    const lock = acquireFileLock(lockFile(files));
    if (lock) return lock;
    // Whoever only asks for the status has it for an instant.
    await slept(LOCK_RETRY_MS, new AbortController().signal);
  }
  throw await runningAlready(files);
}

/** Who it is, where it has said so: whoever has just begun is the holder all the same, and told without a pid. */
export async function runningAlready(files: AgentFiles): Promise<AppError> {
  const { directory } = files;
  const told = await files.status().catch(() => undefined);
  const pid = told && isAlive(told.pid) ? told.pid : undefined;
  return new AppError(
    'AGENT_RUNNING',
    `An agent works in ${directory} already${pid === undefined ? '.' : `: it is process ${pid}.`}`,
    { directory, ...(pid === undefined ? {} : { pid }) },
  );
}

/** Whether another process works with them. */
export function isHeld(files: AgentFiles): boolean {
  const lock = acquireFileLock(lockFile(files));
  lock?.release();
  return lock === undefined;
}

function lockFile({ directory }: AgentFiles): string {
  return `${directory}/agent.lock`;
}
