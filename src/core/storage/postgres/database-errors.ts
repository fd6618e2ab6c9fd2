import { errorCode } from '../../types/errors/error-code.js';

/** By its SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
export function isUniqueViolation(error: unknown): boolean {
  return errorCode(error) === '23505';
}
