import type { ServerResponse } from 'node:http';

import { AppError } from '../../../core/types/errors/app-error.js';
import { atTime } from '../../../core/utils/deadline.js';
import { HEARTBEAT_MS, HIGH_WATER_BYTES, STALL_TIMEOUT_MS, type StreamEnd } from '../stream-end.js';
import { cursorOf, wireText } from '../wire-text.js';
import { toProblem } from './problem.js';

export interface SseOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly requestId: string;
  /** When what the caller showed is no longer good. */
  readonly expiresAt?: Date | undefined;
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
  const heartbeat = setInterval(() => response.write(': heartbeat\n\n'), HEARTBEAT_MS);
  let cursor: string | undefined;
  try {
    const reason = await pump(response, items, options, (sent) => {
      cursor = sent ?? cursor;
    });
    end(response, { reason, cursor });
  } catch (error) {
    end(response, { reason: 'error', cursor, error: toProblem(error, options.requestId) });
    if (!(error instanceof AppError)) throw error;
  } finally {
    clearInterval(heartbeat);
  }
}

async function pump(
  response: ServerResponse,
  items: AsyncIterable<unknown>,
  { expiresAt, stopping, stallMs = STALL_TIMEOUT_MS }: SseOptions,
  onSent: (cursor: string | undefined) => void,
): Promise<StreamEnd> {
  const iterator = items[Symbol.asyncIterator]();
  const expired = Promise.withResolvers<'token_expired'>();
  const over = new AbortController();
  const cut = () => over.abort();
  stopping.addEventListener('abort', cut, { once: true });
  let isExpired = false;
  const deadline = atTime(expiresAt, () => {
    isExpired = true;
    expired.resolve('token_expired');
    cut();
  });
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), expired.promise]);
      if (next === 'token_expired') return next;
      if (response.destroyed) return 'complete';
      if (next.done) return stopping.aborted ? 'stopping' : 'complete';
      const cursor = cursorOf(next.value);
      const id = cursor === undefined ? '' : `id: ${cursor}\n`;
      response.write(`${id}data: ${wireText(next.value)}\n\n`);
      onSent(cursor);
      if (response.writableLength <= HIGH_WATER_BYTES) continue;
      if (await drained(response, stallMs, over.signal)) continue;
      if (isExpired) return 'token_expired';
      return stopping.aborted ? 'stopping' : 'slow_reader';
    }
  } finally {
    deadline.clear();
    stopping.removeEventListener('abort', cut);
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
