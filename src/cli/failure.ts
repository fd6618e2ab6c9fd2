import { stripVTControlCharacters } from 'node:util';

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

interface FlagSpec {
  readonly required?: boolean;
  readonly summary?: string;
}

/** What oclif's parser tells with what it refuses. Fields, where it has them: its texts are wrapped for a terminal. */
interface UsageError extends Error {
  /** Those that do not exist. */
  readonly flags?: readonly string[];
  /** Those that are missing; the texts of those that are too many. */
  readonly args?: readonly (string | { readonly name: string; readonly description?: string })[];
  readonly parse?: {
    readonly input?: { readonly flags?: Readonly<Record<string, FlagSpec>> };
    readonly output?: { readonly flags?: Readonly<Record<string, unknown>> };
  };
}

/** oclif marks what its parser refuses with exit status 2. */
function isUsageError(error: unknown): error is UsageError {
  if (!(error instanceof Error) || !('oclif' in error)) return false;
  const { oclif } = error;
  return typeof oclif === 'object' && oclif !== null && 'exit' in oclif && oclif.exit === 2;
}

function usageMessage(error: UsageError): string {
  const [unknown] = Array.isArray(error.flags) ? error.flags : [];
  if (unknown !== undefined) {
    const known = Object.keys(error.parse?.input?.flags ?? {}).map((name) => `--${name}`);
    const near = closest(unknown, known);
    return `There is no flag ${unknown}${near ? `; did you mean ${near}?` : '.'}`;
  }
  const lacks = [...missingArgs(error), ...missingFlags(error)];
  return lacks.length > 0 ? lacks.join(' ') : parserSentences(error.message);
}

function missingArgs({ args }: UsageError): readonly string[] {
  if (!Array.isArray(args)) return [];
  return args.flatMap((arg) =>
    typeof arg === 'string' ? [] : [missing(`<${arg.name}>`, arg.description)],
  );
}

/** The parser looks at them when no argument is wrong. */
function missingFlags({ args, parse }: UsageError): readonly string[] {
  if (args !== undefined) return [];
  return Object.entries(parse?.input?.flags ?? {})
    .filter(([name, { required }]) => required && parse?.output?.flags?.[name] === undefined)
    .map(([name, { summary }]) => missing(`--${name}`, summary));
}

function missing(what: string, about: string | undefined): string {
  return about === undefined ? `${what} is missing.` : sentence(`${what} is missing: ${about}`);
}

/** What it tells in words only: a heading, then a reason on each line. */
function parserSentences(text: string): string {
  return (
    stripVTControlCharacters(text)
      // Our hint says how to get help.
      .replace(/\n*See more help with --help$/, '')
      .replace(/^The following errors? occurred:\s*/, '')
      .replace(/^Parsing (--\S+)\s*\n\s*/, '$1: ')
      .split(/\s*\n\s*/)
      .map(sentence)
      .join(' ')
  );
}

function sentence(text: string): string {
  return /[.!?:]$/.test(text) ? text : `${text}.`;
}
