import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

import type { StickWriter, WriteOptions } from '../../../services/usb/usb.ports.js';
import type { TargetState, WriteJob, WriteReport } from '../../../types/models/stick.js';
import type { WriterMessage } from './writer-protocol.js';

import { AppError } from '../../../types/errors/app-error.js';
import { readBoundedLines } from './bounded-lines.js';
import { removeParts } from './parts.js';
import { writerLaunch } from './writer-launch.js';

/** A cancelled writer that has not ended by itself by then is killed, and no longer waited for. */
const CANCEL_GRACE_MS = 700;
/** A writer that says nothing for this long hangs on its drive. Progress comes four times a second. */
const SILENCE_MS = 60_000;
/** Nothing can be told during a flush, and a file system with a slow disk may have gigabytes to write then. */
const FLUSH_SILENCE_MS = 900_000;
/** A writer that has said how it ended is given this long to be gone. */
const EXIT_MS = 2_000;
const STDERR_LIMIT = 8_192;
const LINE_LIMIT = 65_536;

export interface StickWriterOptions {
  /** The built writer program. */
  readonly entry: string;
  /** Told what a writer printed on stderr: a bug report, never shown to a caller. */
  readonly onStderr: (text: string) => void;
  /** Told the process id of each writer as it starts. */
  readonly onStart?: (pid: number) => void;
}

/**
 * Runs each write in a process of its own: a crash there, or a drive that never answers, is a failed operation here and nothing
 * more. The process ends by itself when this one dies, because its stdin ends.
 */
export function createStickWriter(options: StickWriterOptions): StickWriter {
  return {
    async write(job, writeOptions) {
      if (writeOptions.signal.aborted) throw cancelled('untouched');
      const child = spawn(process.execPath, [...writerLaunch.args, options.entry], {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: writerLaunch.env,
      });
      if (child.pid !== undefined) options.onStart?.(child.pid);
      return new Supervision(child, job, writeOptions, options.onStderr).ended;
    },
  };
}

/** Watches over one writer until it has said how it ended, or has to be taken for dead. */
class Supervision {
  readonly ended: Promise<WriteReport>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #job: WriteJob;
  readonly #options: WriteOptions;
  readonly #end = Promise.withResolvers<WriteReport>();
  #touched = false;
  #settled = false;
  #silence: NodeJS.Timeout | undefined;
  #grace: NodeJS.Timeout | undefined;

  constructor(
    child: ChildProcessWithoutNullStreams,
    job: WriteJob,
    options: WriteOptions,
    onStderr: (text: string) => void,
  ) {
    this.#child = child;
    this.#job = job;
    this.#options = options;
    this.ended = this.#end.promise;
    this.#awaitWord(SILENCE_MS);
    readBoundedLines(
      child.stdout,
      LINE_LIMIT,
      (line) => this.#hear(line),
      () => this.#fail('WRITE_FAILED', 'The writer said more than it may.'),
    );
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(0, STDERR_LIMIT);
    });
    child.stdin.on('error', () => undefined);
    child.on('error', () => this.#fail('WRITE_FAILED', 'The writer could not be started.'));
    child.on('close', (code, killedBy) => {
      if (stderr !== '') onStderr(stderr);
      const how = killedBy ?? `status ${code}`;
      this.#fail('WRITE_FAILED', `The writer ended before its work was done (${how}).`);
    });
    options.signal.addEventListener('abort', this.#cancel, { once: true });
    child.stdin.write(`${JSON.stringify(job)}\n`);
  }

  readonly #cancel = () => {
    this.#child.stdin.write('{"cancel":true}\n');
    this.#grace = setTimeout(
      () => this.#fail('OPERATION_CANCELLED', 'The write was cancelled.'),
      CANCEL_GRACE_MS,
    );
  };

  #hear(line: string): void {
    const message = parse(line);
    if (this.#settled) return;
    if (!message) {
      this.#fail('WRITE_FAILED', 'The writer said what is no message.');
      return;
    }
    switch (message.type) {
      case 'progress':
        this.#awaitWord(message.progress.phase === 'flush' ? FLUSH_SILENCE_MS : SILENCE_MS);
        this.#options.onProgress(message.progress);
        return;
      case 'touched':
        this.#touched = true;
        return;
      case 'done':
        this.#settle();
        this.#end.resolve(message.report);
        return;
      case 'failed': {
        const { code, message: text, details } = message.failure;
        this.#settle();
        this.#end.reject(new AppError(code, text, details));
      }
    }
  }

  #awaitWord(withinMs: number): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(
      () => this.#fail('WRITE_FAILED', 'The drive does not answer.'),
      withinMs,
    );
  }

  /** Takes the writer for dead. It may be past killing while the drive hangs; that is not waited for. */
  #fail(code: 'WRITE_FAILED' | 'OPERATION_CANCELLED', message: string): void {
    if (this.#settled) return;
    this.#settle();
    this.#child.kill('SIGKILL');
    const targetState = leftBehind(this.#job, this.#touched);
    void removeParts(this.#job.target).finally(() =>
      this.#end.reject(
        code === 'OPERATION_CANCELLED'
          ? cancelled(targetState)
          : new AppError(code, message, { targetState }),
      ),
    );
  }

  #settle(): void {
    this.#settled = true;
    clearTimeout(this.#silence);
    clearTimeout(this.#grace);
    this.#options.signal.removeEventListener('abort', this.#cancel);
    const gone = setTimeout(() => this.#child.kill('SIGKILL'), EXIT_MS).unref();
    this.#child.once('exit', () => clearTimeout(gone));
  }
}

/** Our own program, over a private pipe: only that it is whole is checked. */
function parse(line: string): WriterMessage | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function cancelled(targetState: TargetState): AppError {
  return new AppError('OPERATION_CANCELLED', 'The write was cancelled.', { targetState });
}

function leftBehind(job: WriteJob, touched: boolean): TargetState {
  if (job.target.kind === 'file') return 'removed';
  return touched ? 'unusable' : 'untouched';
}
