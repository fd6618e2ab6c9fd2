import type { Logger } from 'pino';

import type { AbortReason } from '../../core/services/node/provisioning.js';
import type { Jobs } from '../../core/services/node/node.ports.js';

/** How long a job may take to stop after it was told to: the writer kills a stuck child before that. */
const STOP_TIMEOUT_MS = 10_000;

interface RunningJob {
  readonly abort: AbortController;
  readonly settled: Promise<void>;
}

/**
 * Runs the work behind operations, in this process, until it ends, is cancelled, or the daemon stops. What is stored about
 * an operation is its job's business; here is only what runs right now.
 */
export class OperationRunner implements Jobs {
  readonly #running = new Map<string, RunningJob>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  get count(): number {
    return this.#running.size;
  }

  start(operationId: string, run: (signal: AbortSignal) => Promise<void>): void {
    const abort = new AbortController();
    const settled = run(abort.signal)
      .catch((error: unknown) => {
        this.#log.error({ err: error, operationId }, 'job failed to record its end');
      })
      .finally(() => this.#running.delete(operationId));
    this.#running.set(operationId, { abort, settled });
  }

  /** Asks one job to stop. Answers whether it runs here. */
  cancel(operationId: string): boolean {
    const job = this.#running.get(operationId);
    job?.abort.abort('cancelled' satisfies AbortReason);
    return job !== undefined;
  }

  /** Interrupts every job and waits, a bounded time, until they have recorded it. Answers how many there were. */
  async stopAll(): Promise<number> {
    const jobs = [...this.#running.values()];
    for (const job of jobs) job.abort.abort('interrupted' satisfies AbortReason);
    await Promise.race([
      Promise.allSettled(jobs.map((job) => job.settled)),
      new Promise((resolve) => setTimeout(resolve, STOP_TIMEOUT_MS).unref()),
    ]);
    return jobs.length;
  }
}
