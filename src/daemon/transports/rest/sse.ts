import type { ServerResponse } from 'node:http';

import { once } from 'node:events';

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
  { expiresAt, stopping }: SseOptions,
  onSent: (cursor: string | undefined) => void,
): Promise<StreamEnd> {
  const iterator = items[Symbol.asyncIterator]();
  const expired = Promise.withResolvers<'token_expired'>();
  const deadline = atTime(expiresAt, () => expired.resolve('token_expired'));
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
      if (response.writableLength > HIGH_WATER_BYTES && !(await drained(response))) {
        return 'slow_reader';
      }
    }
  } finally {
    deadline.clear();
    // Not waited for: a source that is asleep ends when the request does.
    void iterator.return?.();
  }
}

async function drained(response: ServerResponse): Promise<boolean> {
  if (response.destroyed) return true;
  try {
    await once(response, 'drain', { signal: AbortSignal.timeout(STALL_TIMEOUT_MS) });
    return true;
  } catch {
    return response.destroyed;
  }
}

function end(response: ServerResponse, last: object): void {
  if (response.destroyed) return;
  response.end(`event: end\ndata: ${JSON.stringify(last)}\n\n`);
  // Whoever does not even take that has no more to come.
  setTimeout(() => response.destroy(), STALL_TIMEOUT_MS).unref();
}
