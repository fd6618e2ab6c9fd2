import { errorCode } from '../types/errors/error-code.js';

/** Whether there is a process with this number, whosever it is. One that has ended and was not reaped counts as well. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process: it lives.
    return errorCode(error) === 'EPERM';
  }
}
