import { type ErrorCode, isErrorCode } from './codes.js';

/** Facts about a failure, safe to show to the caller and to store: never a secret. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

/** An expected failure, safe to show. Anything else that is thrown is a bug and becomes INTERNAL. */
export class AppError extends Error {
  /** By its shape: each command, and what it loads later, is a bundle with an AppError of its own. */
  static override [Symbol.hasInstance](value: unknown): value is AppError {
    return (
      value instanceof Error &&
      value.name === 'AppError' &&
      'code' in value &&
      isErrorCode(value.code)
    );
  }

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
