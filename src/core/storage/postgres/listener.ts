import pg from 'pg';

const CONNECT_TIMEOUT_MS = 10_000;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 10_000;

/**
 * Listens on channels for as long as the process lives, on a connection of its own, and connects again when that breaks.
 * Notifications may be lost meanwhile: each listener is also called, without a payload, after each connect, and
 * readers poll besides.
 */
export function listen(
  connection: pg.ClientConfig,
  channels: Readonly<Record<string, (payload: string | undefined) => void>>,
): { close(): Promise<void> } {
  let client: pg.Client | undefined;
  let closed = false;
  let retryMs = FIRST_RETRY_MS;
  let timer: NodeJS.Timeout | undefined;

  const reconnect = () => {
    client = undefined;
    if (closed || timer) return;
    timer = setTimeout(() => {
      timer = undefined;
      void connect();
    }, retryMs);
    timer.unref();
    retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
  };
  const connect = async () => {
    const next = new pg.Client({
      ...connection,
      application_name: 'syntropy-listen',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      // It only ever reads: without probes a server that is gone would never be missed.
      keepAlive: true,
    });
    next.on('error', reconnect);
    next.on('end', reconnect);
    next.on('notification', ({ channel, payload }) => channels[channel]?.(payload));
    try {
      await next.connect();
      for (const channel of Object.keys(channels)) {
        await next.query(`listen ${pg.escapeIdentifier(channel)}`);
      }
      if (closed) return await next.end();
      client = next;
      retryMs = FIRST_RETRY_MS;
      for (const onNotify of Object.values(channels)) onNotify(undefined);
    } catch {
      await next.end().catch(() => undefined);
      reconnect();
    }
  };
  void connect();
  return {
    async close() {
      closed = true;
      clearTimeout(timer);
      await client?.end().catch(() => undefined);
    },
  };
}
