import { AppError, type ErrorDetails } from '../core/types/errors/app-error.js';
import { isErrorCode } from '../core/types/errors/codes.js';

/** What a process of ours says it failed for, in its own words; undefined when it says nothing that can be understood. */
export function failureIn(message: unknown): AppError | undefined {
  const error = part(message, 'error');
  const code = part(error, 'code');
  return isErrorCode(code)
    ? new AppError(code, String(part(error, 'message')), detailsOf(part(error, 'details')))
    : undefined;
}

function detailsOf(value: unknown): ErrorDetails {
  return Object.fromEntries(
    Object.entries(value ?? {}).map(([key, detail]) => [
      key,
      isFact(detail) ? detail : String(detail),
    ]),
  );
}

function isFact(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

function part(value: unknown, key: string): unknown {
  return new Map<string, unknown>(Object.entries(value ?? {})).get(key);
}
