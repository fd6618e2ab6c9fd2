import type { Problem } from '../../../contract/schemas/problem.js';
import type { ErrorCode } from '../../../core/types/errors/codes.js';

import { AppError } from '../../../core/types/errors/app-error.js';
import { errorCodes } from '../../../core/types/errors/codes.js';

/** Turns a failure into the body of an answer; the one place where a code meets HTTP. */
export function toProblem(error: unknown, requestId: string): Problem {
  const known = error instanceof AppError ? error : undefined;
  const code: ErrorCode = known?.code ?? 'INTERNAL';
  const { httpStatus, hint } = errorCodes[code];
  return {
    type: `urn:syntropy:error:${code.toLowerCase()}`,
    title: code,
    status: httpStatus,
    // The text of a bug may hold anything, secrets too: the log has it, under the request id.
    detail: known?.message ?? 'The daemon hit a bug.',
    code,
    hint,
    details: { ...known?.details },
    requestId,
  };
}
