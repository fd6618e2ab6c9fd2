import type { Logger } from 'pino';

import type { AgentStore, Beat } from '../../core/services/node/agent.ports.js';

/** One statement for all that was heard in this time, instead of one for each: two thousand nodes are two hundred heartbeats a second. */
const FLUSH_MS = 1_000;

/**
 * Collects heartbeats and notes them together, the latest of each connection. While the database is away they wait; what is older is
 * forgotten for what is newer, so that there are never more of them than connections.
 */
export class Heartbeats {
  readonly #store: Pick<AgentStore, 'beat'>;
  readonly #log: Logger;
  readonly #onSuperseded: (sessionId: string) => void;
  readonly #onNoted: (beats: readonly Beat[]) => void;
  readonly #waiting = new Map<string, Beat>();
  #timer: NodeJS.Timeout | undefined;
  #flushing = Promise.resolve();

  /**
   * @param told.onSuperseded - of sessions that are no longer their node's.
   * @param told.onNoted - of what was believed and lies in the database.
   */
  constructor(
    store: Pick<AgentStore, 'beat'>,
    log: Logger,
    told: {
      readonly onSuperseded: (sessionId: string) => void;
      readonly onNoted: (beats: readonly Beat[]) => void;
    },
  ) {
    this.#store = store;
    this.#log = log;
    this.#onSuperseded = told.onSuperseded;
    this.#onNoted = told.onNoted;
  }

  add(beat: Beat): void {
    // A heartbeat without a sample leaves the one that waits.
    this.#waiting.set(beat.sessionId, { ...this.#waiting.get(beat.sessionId), ...beat });
    this.#timer ??= setTimeout(() => {
      this.#flushing = this.#flush();
    }, FLUSH_MS);
  }

  /** What ended its connection needs no note any more. */
  forget(sessionId: string): void {
    this.#waiting.delete(sessionId);
  }

  /** Notes what waits. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#flushing;
    await this.#flush();
    clearTimeout(this.#timer);
  }

  async #flush(): Promise<void> {
    const beats = [...this.#waiting.values()];
    this.#waiting.clear();
    try {
      const superseded = new Set(await this.#store.beat(beats));
      this.#onNoted(beats.filter(({ sessionId }) => !superseded.has(sessionId)));
      for (const id of superseded) this.#onSuperseded(id);
    } catch (error) {
      this.#log.warn({ err: error }, 'heartbeats could not be noted');
      for (const beat of beats) {
        if (!this.#waiting.has(beat.sessionId)) this.#waiting.set(beat.sessionId, beat);
      }
    }
    this.#timer = undefined;
    const [next] = this.#waiting.values();
    if (next) this.add(next);
  }
}
