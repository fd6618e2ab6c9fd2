import { readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';

import type { WriteJob } from '../../../types/models/stick.js';
import type { WriterMessage } from './writer-protocol.js';

import { AppError } from '../../../types/errors/app-error.js';
import { writeStick } from './engine.js';
import { hostDeps } from './host-deps.js';

/**
 * The writer process. Its job is the first line of stdin, because a job holds a join token and argv is for everyone to read.
 * A second line cancels. The end of stdin means that the daemon is gone, and then this process is to be gone too.
 */
function send(message: WriterMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const cancel = new AbortController();
const lines = createInterface({ input: process.stdin });
let started = false;
/** An output file that is not complete. */
let unfinished: string | undefined;

lines.on('line', (line) => {
  if (started) {
    cancel.abort();
    return;
  }
  started = true;
  // Written by the daemon that spawned us, over a private pipe.
  const job: WriteJob = JSON.parse(line);
  void run(job);
});
lines.on('close', endAtOnce);
// Nobody reads any more: the daemon is gone.
process.stdout.on('error', endAtOnce);

/** Not by process.exit, which waits for the writes that were handed to the thread pool: on a slow stick, those take seconds. */
function endAtOnce(): void {
  if (unfinished !== undefined) rmSync(unfinished, { force: true });
  process.kill(process.pid, 'SIGKILL');
}

async function run(job: WriteJob): Promise<void> {
  try {
    const report = await writeStick(job, await hostDeps(), {
      signal: cancel.signal,
      onProgress: (progress) => send({ type: 'progress', progress }),
      onOpen: (target) => {
        if (target.kind === 'file') unfinished = target.path;
      },
      onFirstWrite: () => send({ type: 'touched' }),
    });
    send({ type: 'done', report, maxRssBytes: peakMemoryBytes() });
  } catch (error) {
    send({ type: 'failed', failure: failureOf(error) });
  }
  lines.removeListener('close', endAtOnce);
  process.stdin.destroy();
}

/** Linux counts in ru_maxrss what the process that started this one held; VmHWM is our own. */
function peakMemoryBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  const kib = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kib ?? 0) * 1024;
}

function failureOf(error: unknown): Extract<WriterMessage, { type: 'failed' }>['failure'] {
  if (error instanceof AppError) {
    if (error.code === 'INTERNAL') process.stderr.write(`${describeBug(error.cause)}\n`);
    return { code: error.code, message: error.message, details: error.details };
  }
  process.stderr.write(`${describeBug(error)}\n`);
  return {
    code: 'INTERNAL',
    message: 'The writer hit a bug.',
    details: { targetState: 'unusable' },
  };
}

function describeBug(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
