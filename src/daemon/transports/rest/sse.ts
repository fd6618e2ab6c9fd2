import type { ServerResponse } from 'node:http';

import { once } from 'node:events';

/** A comment line this often keeps proxies from closing a quiet stream and finds a client that has gone. */
const HEARTBEAT_MS = 15_000;
/** A client that takes nothing for this long is dropped: it can resume with its last cursor. */
const DRAIN_TIMEOUT_MS = 30_000;

/**
 * Sends items as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) until they end or
 * the client goes. At most one item waits for a slow client: the source is not asked for the next before that.
 */
export async function sendEvents(
  response: ServerResponse,
  items: AsyncIterable<unknown>,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  response.writeHead(200, {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
  });
  response.write(': connected\n\n');
  const heartbeat = setInterval(() => response.write(': heartbeat\n\n'), HEARTBEAT_MS);
  try {
    for await (const item of items) {
      if (response.destroyed) return;
      if (!response.write(frame(item))) {
        await once(response, 'drain', { signal: AbortSignal.timeout(DRAIN_TIMEOUT_MS) });
      }
    }
  } finally {
    clearInterval(heartbeat);
    response.end();
  }
}

function frame(item: unknown): string {
  const cursor = isCursored(item) ? `id: ${item.cursor}\n` : '';
  return `${cursor}data: ${JSON.stringify(item)}\n\n`;
}

function isCursored(item: unknown): item is { cursor: string } {
  return (
    typeof item === 'object' && item !== null && 'cursor' in item && typeof item.cursor === 'string'
  );
}
