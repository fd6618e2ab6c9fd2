import type { AgentFiles } from './agent-files.js';

import { acquireFileLock } from '../core/storage/files/file-lock.js';
import { AppError } from '../core/types/errors/app-error.js';
import { errorCode } from '../core/types/errors/error-code.js';
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
  throw await running(files);
}

/** Who it is, where it has said so: whoever has just begun is the holder all the same, and told without a pid. */
async function running(files: AgentFiles): Promise<AppError> {
  const { directory } = files;
  const told = await files.status().catch(() => undefined);
  const pid = told && isAlive(told.pid) ? told.pid : undefined;
  return new AppError(
    'AGENT_RUNNING',
    `An agent works in ${directory} already${pid === undefined ? '.' : `: it is process ${pid}.`}`,
    { directory, ...(pid === undefined ? {} : { pid }) },
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process: it lives.
    return errorCode(error) === 'EPERM';
  }
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
