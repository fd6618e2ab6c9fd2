import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import type { StickWriter, WriteOptions } from '../../../services/usb/usb.ports.js';
import type { TargetState, WriteJob, WriteReport } from '../../../types/models/stick.js';
import type { WriterMessage } from './writer-protocol.js';

import { AppError } from '../../../types/errors/app-error.js';
import { removeParts } from './parts.js';

/** A cancelled writer that has not ended by itself by then is killed, and no longer waited for. */
const CANCEL_GRACE_MS = 700;
/** A writer that says nothing for this long hangs on its drive. Progress comes four times a second. */
const SILENCE_MS = 60_000;
const STDERR_LIMIT = 8_192;

export interface StickWriterOptions {
  /** The built writer program. */
  readonly entry: string;
  /** Told what a writer printed on stderr: a bug report, never shown to a caller. */
  readonly onStderr: (text: string) => void;
}

/**
 * Runs each write in a process of its own: a crash there, or a drive that never answers, is a failed operation here and nothing
 * more. The process ends by itself when this one dies, because its stdin ends.
 */
export function createStickWriter(options: StickWriterOptions): StickWriter {
  return {
    write(job, writeOptions) {
      writeOptions.signal.throwIfAborted();
      // Eight threads: reads and writes of every lane may be under way at once.
      const child = spawn(process.execPath, ['--max-old-space-size=64', options.entry], {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', UV_THREADPOOL_SIZE: '8' },
      });
      return supervise(child, job, writeOptions, options);
    },
  };
}

function supervise(
  child: ChildProcessWithoutNullStreams,
  job: WriteJob,
  { signal, onProgress }: WriteOptions,
  { onStderr }: StickWriterOptions,
): Promise<WriteReport> {
  return new Promise((resolve, reject) => {
    let touched = false;
    let stderr = '';
    let grace: NodeJS.Timeout | undefined;
    let settled = false;

    const settle = (end: () => void) => {
      if (settled) return;
      settled = true;
      clearTimeout(silence);
      clearTimeout(grace);
      signal.removeEventListener('abort', cancel);
      if (stderr !== '') onStderr(stderr);
      end();
    };
    const fail = (code: 'WRITE_FAILED' | 'OPERATION_CANCELLED', message: string) => {
      child.kill('SIGKILL');
      settle(() => {
        void removeParts(job.target).finally(() =>
          reject(new AppError(code, message, { targetState: leftBehind(job, touched) })),
        );
      });
    };
    const cancel = () => {
      child.stdin.write('{"cancel":true}\n');
      grace = setTimeout(
        () => fail('OPERATION_CANCELLED', 'The write was cancelled.'),
        CANCEL_GRACE_MS,
      );
    };
    const silence = setTimeout(
      () => fail('WRITE_FAILED', 'The drive has not answered for a minute.'),
      SILENCE_MS,
    );
    const onMessage = (message: WriterMessage) => {
      silence.refresh();
      if (message.type === 'progress') onProgress(message.progress);
      else if (message.type === 'touched') touched = true;
      else if (message.type === 'done') settle(() => resolve(message.report));
      else {
        const { code, message: text, details } = message.failure;
        settle(() => reject(new AppError(code, text, details)));
      }
    };

    createInterface({ input: child.stdout }).on('line', (line) => {
      // Our own program, over a private pipe.
      onMessage(JSON.parse(line) as WriterMessage);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < STDERR_LIMIT) stderr += text.slice(0, STDERR_LIMIT);
    });
    child.stdin.on('error', () => undefined);
    child.on('error', () => fail('WRITE_FAILED', 'The writer could not be started.'));
    child.on('close', (code, killedBy) => {
      const how = killedBy ?? `status ${code}`;
      fail('WRITE_FAILED', `The writer ended before its work was done (${how}).`);
    });
    signal.addEventListener('abort', cancel, { once: true });
    child.stdin.write(`${JSON.stringify(job)}\n`);
  });
}

function leftBehind(job: WriteJob, touched: boolean): TargetState {
  if (job.target.kind === 'file') return 'removed';
  return touched ? 'unusable' : 'untouched';
}
