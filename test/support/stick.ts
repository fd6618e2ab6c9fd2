import type { WriteJob, WriteProgress, WriteReport } from '../../src/core/types/models/stick.js';

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
