import type { InfluxTarget } from './target.js';

import { errorCode } from '../../types/errors/error-code.js';

const FLUSH_MS = 10_000;
const TIMEOUT_MS = 10_000;
/** How long a daemon that stops waits for the last lines to be taken. */
const CLOSE_TIMEOUT_MS = 2_000;
const MAX_PAUSE_MS = 5 * 60_000;
/** What InfluxDB itself calls a good size. */
const BATCH_LINES = 5_000;
/** Some ten megabytes; a minute and a half of two thousand nodes. */
const MAX_WAITING_LINES = 20_000;

/** Statuses that say that these lines will never be taken. */
const UNWANTED = new Set([400, 413, 422]);

export interface InfluxWriterOptions {
  readonly target: InfluxTarget;
  /** Told once when it takes nothing, and why, and once when it does again. Never with a secret. */
  readonly onTrouble: (what: string, details: Record<string, unknown>) => void;
  readonly flushMs?: number;
}

/** Counts lines, for those who watch. */
export interface LineCounts {
  readonly written: { add(amount?: number): void };
  readonly dropped: { add(amount?: number): void };
}

type Outcome = 'taken' | 'unwanted' | 'kept';

/**
 * Writes lines to InfluxDB in batches, in the background. While it is away they wait, the oldest of too many are dropped, and it is
 * asked again after pauses that grow: whoever hands lines over never waits and never learns of it.
 */
export class InfluxWriter {
  readonly #options: InfluxWriterOptions;
  readonly #flushMs: number;
  #waiting: string[] = [];
  #counts: LineCounts | undefined;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  #failures = 0;
  #isClosed = false;

  constructor(options: InfluxWriterOptions) {
    this.#options = options;
    this.#flushMs = options.flushMs ?? FLUSH_MS;
  }

  get state(): 'ok' | 'degraded' {
    return this.#failures === 0 ? 'ok' : 'degraded';
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  countWith(counts: LineCounts): void {
    this.#counts = counts;
  }

  add(lines: readonly string[]): void {
    if (this.#isClosed || lines.length === 0) return;
    this.#waiting.push(...lines.slice(-MAX_WAITING_LINES));
    this.#drop(this.#waiting.length - MAX_WAITING_LINES);
    this.#timer ??= setTimeout(() => this.#wake(), this.#flushMs);
  }

  /** Tries once more to write what waits. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#flushing;
    if (this.#waiting.length > 0) await this.#writeBatch(CLOSE_TIMEOUT_MS);
  }

  #wake(): void {
    this.#flushing = this.#flush().finally(() => {
      this.#timer = undefined;
      this.#flushing = undefined;
      if (this.#waiting.length === 0 || this.#isClosed) return;
      const pauseMs = Math.min(this.#flushMs * 2 ** Math.max(0, this.#failures - 1), MAX_PAUSE_MS);
      this.#timer = setTimeout(() => this.#wake(), pauseMs);
    });
  }

  async #flush(): Promise<void> {
    const batches = Math.ceil(this.#waiting.length / BATCH_LINES);
    for (let batch = 0; batch < batches && !this.#isClosed; batch += 1) {
      if ((await this.#writeBatch(TIMEOUT_MS)) === 'kept') return;
    }
  }

  async #writeBatch(timeoutMs: number): Promise<Outcome> {
    const batch = this.#waiting.splice(0, BATCH_LINES);
    const { outcome, reason } = await this.#post(batch, timeoutMs);
    if (outcome === 'taken') {
      this.#counts?.written.add(batch.length);
      if (this.#failures > 0) this.#options.onTrouble('InfluxDB takes samples again', {});
      this.#failures = 0;
      return outcome;
    }
    if (this.#failures === 0) this.#options.onTrouble('InfluxDB takes no samples', { reason });
    this.#failures += 1;
    if (outcome === 'unwanted') {
      this.#counts?.dropped.add(batch.length);
      return outcome;
    }
    // What came meanwhile is newer.
    this.#waiting = [...batch, ...this.#waiting];
    this.#drop(this.#waiting.length - MAX_WAITING_LINES);
    return outcome;
  }

  async #post(
    lines: readonly string[],
    timeoutMs: number,
  ): Promise<{ readonly outcome: Outcome; readonly reason: string }> {
    const { url, headers } = this.#options.target;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'text/plain; charset=utf-8' },
        body: lines.join('\n'),
        // The secret is for this server, and for none that it names.
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
      });
      await response.body?.cancel();
      const { status } = response;
      const reason = `status ${status}`;
      if (status === 204 || status === 200) return { outcome: 'taken', reason };
      return { outcome: UNWANTED.has(status) ? 'unwanted' : 'kept', reason };
    } catch (error) {
      const { cause } = error instanceof Error ? error : {};
      const name = error instanceof Error ? error.name : 'unknown';
      return { outcome: 'kept', reason: errorCode(cause) ?? name };
    }
  }

  #drop(count: number): void {
    if (count <= 0) return;
    this.#waiting.splice(0, count);
    this.#counts?.dropped.add(count);
  }
}
