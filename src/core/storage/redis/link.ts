import type { Redis } from 'ioredis';
import { errorCode } from '../../types/errors/error-code.js';

/** How long after a failure the server is asked again whether it answers; nobody’s call is what tries. */
const PROBE_MS = 1_000;

export type RedisState = 'ok' | 'degraded';

export interface LinkOptions {
  /** Does what calls will do, so that a server that only answers, but takes nothing, is not taken for a good one. */
  readonly probe: (redis: Redis) => Promise<unknown>;
  /** Told once when it is lost, and why, and once when it is back. Never with a secret. */
  readonly onTrouble: (what: string, details: Record<string, unknown>) => void;
}

/**
 * A server that may be away. After the first failure it is left alone, and whoever asks learns at once that there is
 * no answer; a probe in the background finds out when it is back.
 */
export class RedisLink {
  readonly #redis: Redis;
  readonly #options: LinkOptions;
  readonly #timer: NodeJS.Timeout;
  #up = false;
  #closed = false;
  #probing: Promise<void> | undefined;
  #told: string | undefined;

  constructor(redis: Redis, options: LinkOptions) {
    this.#redis = redis;
    this.#options = options;
    // Unheard, an error would end the process.
    redis.on('error', (error: unknown) => this.#trouble(reasonOf(error)));
    redis.on('close', () => this.#lost('CLOSED'));
    redis.on('ready', () => void this.probe());
    this.#timer = setInterval(() => void this.probe(), PROBE_MS);
    this.#timer.unref();
  }

  get isUp(): boolean {
    return this.#up;
  }

  /** The answer, or undefined when there is none. Never fails. */
  async ask<T>(work: (redis: Redis) => Promise<T>): Promise<T | undefined> {
    if (!this.#up) return undefined;
    try {
      return await work(this.#redis);
    } catch (error) {
      this.#lost(reasonOf(error));
      return undefined;
    }
  }

  /** Finds out whether a server that was lost is back. Never fails. */
  probe(): Promise<void> {
    if (this.#up || this.#redis.status !== 'ready') return Promise.resolve();
    this.#probing ??= this.#probe().finally(() => (this.#probing = undefined));
    return this.#probing;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#closed = true;
    this.#up = false;
    this.#redis.disconnect();
  }

  async #probe(): Promise<void> {
    try {
      await this.#options.probe(this.#redis);
    } catch (error) {
      return this.#trouble(reasonOf(error));
    }
    // It may have gone again while the answer was on its way.
    if (this.#closed || this.#redis.status !== 'ready') return;
    this.#up = true;
    if (this.#told !== undefined) this.#options.onTrouble('redis is back', {});
    this.#told = undefined;
  }

  #lost(reason: string): void {
    if (!this.#up) return;
    this.#up = false;
    this.#trouble(reason);
  }

  /** Says each reason once: a server that stays away is not worth a line a second. */
  #trouble(reason: string): void {
    if (this.#up || this.#closed || reason === this.#told) return;
    this.#told = reason;
    this.#options.onTrouble('redis is away; this replica counts and caches by itself', { reason });
  }
}

/**
 * The code alone: the driver hangs the failed command with its arguments on the error, and for AUTH that is the
 * password. The server's own errors begin with their code (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors).
 */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'UNKNOWN';
  return errorCode(error) ?? /^([A-Z]{2,20})\b/.exec(error.message)?.[1] ?? 'NO_ANSWER';
}
