import type { WebSocket } from 'ws';

/** What chunks may wait in a connection. Heartbeats come after it, so on a slow line it is seconds. */
const HELD_BYTES = 128 << 10;

/** Resolves when a connection has room for another chunk, or is over. */
export async function roomIn(socket: WebSocket): Promise<void> {
  if (socket.bufferedAmount < HELD_BYTES || socket.readyState !== socket.OPEN) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  // Called when this frame, and so everything before it, has left.
  socket.ping(undefined, undefined, () => resolve());
  await promise;
}
