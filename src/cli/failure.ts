import { AppError, type ErrorDetails } from '../core/types/errors/app-error.js';

import { type ErrorCode, errorCodes } from '../core/types/errors/codes.js';
import { closest } from '../core/utils/closest.js';
import { clean } from './text.js';

/** A failure as a script sees it. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly details: ErrorDetails;
}

/** Up to here, message and hint share a line. */
const LINE_WIDTH = 100;

/** Turns whatever a command threw into what is shown. Anything unknown is a bug of ours. */
export function failureOf(error: unknown): Failure {
  if (error instanceof AppError) return failure(error.code, error.message, error.details);
  // inquirer's own way of saying Ctrl-C.
  if (error instanceof Error && error.name === 'ExitPromptError') {
    return failure('OPERATION_CANCELLED', 'Cancelled; nothing was changed.');
  }
  if (isUsageError(error)) return failure('USAGE_INVALID', usageMessage(error));
  const text = error instanceof Error ? error.message : String(error);
  return failure('INTERNAL', `The command hit a bug: ${text}`);
}

export function exitCodeOf({ code }: Failure): number {
  return errorCodes[code].exitCode;
}

/** What people read on stderr. */
export function failureText({ message, hint }: Failure): string {
  const line = `Error: ${clean(message)}`;
  return line.length + hint.length < LINE_WIDTH ? `${line} ${hint}\n` : `${line}\n${hint}\n`;
}

function failure(code: ErrorCode, message: string, details: ErrorDetails = {}): Failure {
  return { code, message, hint: hintFor(code, details), details };
}

/** What to do next is another thing for a daemon that is elsewhere: transports and commands say so with `url` and `context`. */
function hintFor(code: ErrorCode, { url, context }: ErrorDetails): string {
  if (url === undefined) return errorCodes[code].hint;
  if (code === 'DAEMON_UNREACHABLE') {
    return 'Check the address and the network, and that the daemon runs on that host.';
  }
  return code === 'CAPABILITY_MISSING' && context !== undefined
    ? `Run the command on that host itself (${String(url)}).`
    : errorCodes[code].hint;
}

interface UsageError extends Error {
  readonly flags?: readonly string[];
  readonly parse?: { readonly input?: { readonly flags?: Readonly<Record<string, unknown>> } };
}

/** oclif marks what its parser refuses with exit status 2. */
function isUsageError(error: unknown): error is UsageError {
  if (!(error instanceof Error) || !('oclif' in error)) return false;
  const { oclif } = error;
  return typeof oclif === 'object' && oclif !== null && 'exit' in oclif && oclif.exit === 2;
}

function usageMessage(error: UsageError): string {
  const known = Object.keys(error.parse?.input?.flags ?? {}).map((name) => `--${name}`);
  const [unknown] = Array.isArray(error.flags) ? error.flags : [];
  if (unknown === undefined) {
    // Our hint says how to get help.
    return error.message
      .replace(/\n*See more help with --help$/, '')
      .replaceAll(/:\s*\n\s*/g, ': ')
      .replaceAll(/\s*\n\s*/g, '; ');
  }
  const near = closest(unknown, known);
  return `There is no flag ${unknown}${near ? `; did you mean ${near}?` : '.'}`;
}
