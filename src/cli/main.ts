import { run as runCore } from '@oclif/core';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { AppError } from '../core/types/errors/app-error.js';
import { exitCodeOf, failureOf, failureText } from './failure.js';
import { globalsLast } from './globals-last.js';
import { ownStatus } from './own-status.js';
import { allWritten } from './written.js';

const INTERRUPTED = 130;

/**
 * Runs one command line. Here, and nowhere else, a failure becomes text or a document and an exit status.
 * Built as dist/cli/main.cjs; `dist` is the folder that oclif reads.
 */
export function run(argv: readonly string[]): void {
  endQuietlyWhenNobodyReads();
  process.on('SIGINT', () => exitInterrupted(argv));
  void start(globalsLast(argv));
}

async function start(argv: readonly string[]): Promise<void> {
  try {
    const root = path.dirname(__dirname);
    // Given, so that oclif does not look for it folder by folder.
    const pjson = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
    await runCore([...argv], { root, pjson });
    await allWritten();
    // What is still open by now, such as a connection that the daemon has yet to close, is nothing to wait for.
    process.exit();
  } catch (error) {
    await fail(error, argv);
  }
}

/** `| head -1` has seen enough: not an error, and not a reason to say anything. */
function endQuietlyWhenNobodyReads(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
}

/** Unless the command has a way of its own to end. */
function exitInterrupted(argv: readonly string[]): void {
  if (process.listenerCount('SIGINT') > 1) return;
  // Whoever presses it again does not wait for what is said.
  process.once('SIGINT', () => process.exit(INTERRUPTED));
  if (wantsJson(argv)) void fail(new AppError('OPERATION_CANCELLED', 'Interrupted.'), argv);
  else process.stderr.write('Interrupted.\n', () => process.exit(INTERRUPTED));
}

async function fail(error: unknown, argv: readonly string[]): Promise<void> {
  if (isExit(error)) {
    process.exitCode = error.oclif.exit;
    return;
  }
  const failure = failureOf(error);
  if (process.env['DEBUG'] && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  if (wantsJson(argv)) {
    process.stdout.write(`${JSON.stringify({ schemaVersion: 1, error: failure }, undefined, 2)}\n`);
  } else {
    process.stderr.write(failureText(failure));
  }
  // A stream that is still open must not keep a failed command waiting.
  process.exitCode = ownStatus(error) ?? exitCodeOf(failure);
  await allWritten();
  process.exit();
}

function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end < 0 ? argv : argv.slice(0, end)).includes('--json');
}

/** What `this.exit()` of oclif throws. */
function isExit(error: unknown): error is Error & { readonly oclif: { readonly exit: number } } {
  return error instanceof Error && 'code' in error && error.code === 'EEXIT';
}
