import type { ServerResponse } from 'node:http';

import { AppError } from '../../../core/types/errors/app-error.js';
import { errorCode } from '../../../core/types/errors/error-code.js';
import { atTime } from '../../../core/utils/deadline.js';
import { HEARTBEAT_MS, HIGH_WATER_BYTES, STALL_TIMEOUT_MS, type StreamEnd } from '../stream-end.js';
import { cursorOf, wireText } from '../wire-text.js';
import { toProblem } from './problem.js';

export interface SseOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly requestId: string;
  /** When what the caller showed is no longer good. */
  readonly expiresAt?: Date;
  /** Asked with each heartbeat. Fails when it may go on no longer; DATABASE_UNAVAILABLE says nothing, for then nobody can have taken it away. */
  readonly stillMay: () => Promise<void>;
  /** How long it may take nothing. Default: as long as any reader, 10 s. */
  readonly stallMs?: number;
  /** Aborts when the daemon begins to stop. */
  readonly stopping: AbortSignal;
}

/**
 * Sends items as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) until they end or
 * the client goes. What waits for a slow client is bounded: the source is not asked for more before that, and a client that takes
 * nothing is cut. The last frame is `event: end` and says why, and after which cursor to go on.
 */
export async function sendEvents(
  response: ServerResponse,
  items: AsyncIterable<unknown>,
  options: SseOptions,
): Promise<void> {
  response.writeHead(200, {
    ...options.headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
  });
  response.write(': connected\n\n');
  const lapse = new Lapse();
  const deadline = atTime(options.expiresAt, () => lapse.now('token_expired'));
  let isAsking = false;
  const ask = async () => {
    if (isAsking) return;
    isAsking = true;
    try {
      await options.stillMay();
    } catch (error) {
      if (errorCode(error) !== 'DATABASE_UNAVAILABLE') lapse.now(error);
    }
    isAsking = false;
  };
  const heartbeat = setInterval(() => {
    response.write(': heartbeat\n\n');
    void ask();
  }, HEARTBEAT_MS);
  let cursor: string | undefined;
  try {
    const reason = await pump(response, items, { ...options, lapse }, (sent) => {
      cursor = sent ?? cursor;
    });
    end(response, { reason, cursor });
  } catch (error) {
    end(response, { reason: 'error', cursor, error: toProblem(error, options.requestId) });
    if (!(error instanceof AppError)) throw error;
  } finally {
    clearInterval(heartbeat);
    deadline.clear();
  }
}

/** That a stream may go on no longer. */
class Lapse {
  readonly #over = new AbortController();
  #why: unknown;
  #tell: (() => void) | undefined;

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** @param why - the reason to tell, or the failure that it ends with. */
  now(why: unknown): void {
    if (this.signal.aborted) return;
    this.#why = why;
    this.#over.abort();
    this.#tell?.();
  }

  /** @throws what it lapsed with, if that was a failure. */
  reason(): StreamEnd {
    if (this.#why === 'token_expired') return this.#why;
    throw this.#why;
  }

  /** What comes next, or undefined where it lapses first. Nothing is kept of it: a race with one promise for the whole stream would keep every item. */
  or<T>(next: Promise<T>): Promise<T | undefined> {
    if (this.signal.aborted) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.#tell = () => resolve(undefined);
      next.then(resolve, reject);
    });
  }
}

async function pump(
  response: ServerResponse,
  items: AsyncIterable<unknown>,
  {
    lapse,
    stopping,
    stallMs = STALL_TIMEOUT_MS,
  }: Pick<SseOptions, 'stopping' | 'stallMs'> & { readonly lapse: Lapse },
  onSent: (cursor: string | undefined) => void,
): Promise<StreamEnd> {
  const iterator = items[Symbol.asyncIterator]();
  const over = AbortSignal.any([stopping, lapse.signal]);
  try {
    for (;;) {
      const next = await lapse.or(iterator.next());
      if (!next) return lapse.reason();
      if (response.destroyed) return 'complete';
      if (next.done) return stopping.aborted ? 'stopping' : 'complete';
      const cursor = cursorOf(next.value);
      const id = cursor === undefined ? '' : `id: ${cursor}\n`;
      response.write(`${id}data: ${wireText(next.value)}\n\n`);
      onSent(cursor);
      if (response.writableLength <= HIGH_WATER_BYTES) continue;
      if (await drained(response, stallMs, over)) continue;
      if (lapse.signal.aborted) return lapse.reason();
      return stopping.aborted ? 'stopping' : 'slow_reader';
    }
  } finally {
    // Not waited for: a source that is asleep ends when the request does.
    void iterator.return?.();
  }
}

/** Whether what waits was taken, or nobody is there any more to take it. */
function drained(response: ServerResponse, stallMs: number, over: AbortSignal): Promise<boolean> {
  if (response.destroyed) return Promise.resolve(true);
  if (over.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const done = (isTaken: boolean) => {
      clearTimeout(timer);
      response.removeListener('drain', taken).removeListener('close', taken);
      over.removeEventListener('abort', cut);
      resolve(isTaken);
    };
    const taken = () => done(true);
    const cut = () => done(response.destroyed);
    const timer = setTimeout(cut, stallMs);
    response.once('drain', taken).once('close', taken);
    over.addEventListener('abort', cut, { once: true });
  });
}

function end(response: ServerResponse, last: object): void {
  if (response.destroyed) return;
  response.end(`event: end\ndata: ${JSON.stringify(last)}\n\n`);
  // Whoever does not even take that has no more to come.
  setTimeout(() => response.destroy(), STALL_TIMEOUT_MS).unref();
}
