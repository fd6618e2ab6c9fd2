import type { ErrorCode } from './codes.js';

/** Facts about a failure, safe to show to the caller and to store: never a secret. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

/** An expected failure, safe to show. Anything else that is thrown is a bug and becomes INTERNAL. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(
    code: ErrorCode,
    message: string,
    details: ErrorDetails = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}
