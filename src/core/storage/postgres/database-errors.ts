import { errorCode } from '../../types/errors/error-code.js';

/** By its SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
export function isUniqueViolation(error: unknown): boolean {
  return errorCode(error) === '23505';
}

/** Name of the unique constraint that a statement ran into, if it did. */
export function violatedConstraint(error: unknown): string | undefined {
  if (!isUniqueViolation(error)) return undefined;
  return error instanceof Error && 'constraint' in error ? String(error.constraint) : '';
}
