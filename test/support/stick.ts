import type {
  WriteJob,
  WritePhase,
  WriteProgress,
  WriteReport,
} from '../../src/core/types/models/stick.js';

import { createStickWriter } from '../../src/core/platform/common/stick/stick-writer.js';
import { builtPath } from './built.js';

type JobInput = Pick<WriteJob, 'target'> & Partial<WriteJob>;

export interface RunningWrite {
  readonly report: Promise<WriteReport>;
  /** Everything the writer has told so far. */
  readonly progress: readonly WriteProgress[];
  readonly cancel: () => void;
  /** Of the writer process. */
  readonly pid: Promise<number>;
}

/** Starts the real writer process with a job: the seed, verified, unless the test says otherwise. */
export async function startWrite(
  input: JobInput,
  onProgress: (progress: WriteProgress) => void = () => undefined,
): Promise<RunningWrite> {
  const started = Promise.withResolvers<number>();
  const cancel = new AbortController();
  const progress: WriteProgress[] = [];
  const writer = createStickWriter({
    entry: await builtPath('writer.mjs'),
    onStderr: (text) => process.stderr.write(`writer: ${text}`),
    onStart: started.resolve,
  });
  const job: WriteJob = {
    source: { kind: 'seed' },
    identityFiles: [],
    verify: true,
    unmount: false,
    eject: false,
    ...input,
  };
  const report = writer.write(job, {
    signal: cancel.signal,
    onProgress: (entry) => {
      progress.push(entry);
      onProgress(entry);
    },
  });
  // A test that looks at something else first is no unhandled rejection.
  report.catch(() => undefined);
  return { report, progress, cancel: () => cancel.abort('cancelled'), pid: started.promise };
}

/** Starts and awaits. */
export async function write(
  input: JobInput,
  onProgress?: (progress: WriteProgress) => void,
): Promise<WriteReport> {
  return (await startWrite(input, onProgress)).report;
}

/**
 * Starts a write and stops its process (SIGSTOP) as soon as it tells of a phase; `thaw` lets it go on. So a test can do
 * something at a known point of a write, however fast the machine is.
 */
export async function startFrozenAt(
  phase: WritePhase,
  input: JobInput,
): Promise<RunningWrite & { readonly thaw: () => void }> {
  const reached = Promise.withResolvers<void>();
  const running = await startWrite(input, (progress) => {
    if (progress.phase === phase) reached.resolve();
  });
  const pid = await running.pid;
  await Promise.race([reached.promise, running.report.then(tooLate, tooLate)]);
  process.kill(pid, 'SIGSTOP');
  return { ...running, thaw: () => process.kill(pid, 'SIGCONT') };

  function tooLate(): never {
    throw new Error(`The write had ended before it told of its ${phase}.`);
  }
}
