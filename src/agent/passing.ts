import type { ErrorCode } from '../core/types/errors/codes.js';

const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'DAEMON_UNREACHABLE',
  'DAEMON_BUSY',
  'TIMED_OUT',
  'CLOCK_WRONG',
  'RATE_LIMITED',
  'LIMIT_REACHED',
  'DATABASE_UNAVAILABLE',
  'NODE_BUSY',
  'DISK_FULL',
]);

/** Whether a failure may be gone in a while, so that it is worth trying again where nobody is there to do so. */
export function mayPass(code: ErrorCode): boolean {
  return PASSING.has(code);
}
