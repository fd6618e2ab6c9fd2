import type { AgentFiles, Status } from './agent-files.js';
import type { Log } from './log.js';

import { latestOnly } from '../core/utils/latest-only.js';

const RETRY_MS = 10_000;

/**
 * Keeps how it is going for whoever asks, the newest last. What finds no room is tried again, so that a machine whose disk was full does not tell of
 * an hour ago for as long as nothing happens.
 */
export class StatusKeeper {
  readonly #files: Pick<AgentFiles, 'saveStatus'>;
  readonly #log: Log;
  readonly #saves = latestOnly<Status>((status) => this.#save(status));
  #unkept: Status | undefined;
  readonly #timer: NodeJS.Timeout;

  /** @param retryMs - between two tries; shorter in tests. */
  constructor(files: Pick<AgentFiles, 'saveStatus'>, log: Log, retryMs = RETRY_MS) {
    this.#files = files;
    this.#log = log;
    this.#timer = setInterval(() => {
      if (this.#unkept) this.#saves.offer(this.#unkept);
    }, retryMs);
  }

  /** Resolves when it is kept, or could not be: nothing depends on it but whoever asks. */
  async tell(status: Status): Promise<void> {
    this.#saves.offer(status);
    await this.#saves.settled();
  }

  /** Resolves when nothing is written any more. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#saves.settled();
  }

  async #save(status: Status): Promise<void> {
    const hadTrouble = this.#unkept !== undefined;
    try {
      await this.#files.saveStatus(status);
      this.#unkept = undefined;
    } catch (error) {
      this.#unkept = status;
      if (!hadTrouble) this.#log.warn('status could not be kept', { reason: String(error) });
    }
  }
}
