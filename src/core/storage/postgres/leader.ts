import pg from 'pg';

const LOCK = '7310584393';
const TRY_MS = 5_000;
const TIMEOUT_MS = 5_000;

/** Whether this daemon is the one that does what is done once for all. */
export interface Leadership {
  readonly leads: boolean;
  close(): Promise<void>;
}

/**
 * Tries to lead, and goes on trying. A session lock of Postgres decides: it ends with the connection of whoever holds it, so a daemon that dies
 * or is cut off is followed by another within seconds. Two never hold it; one that was cut off may believe for a moment longer
 * that it does, so what a leader does must bear being done twice.
 */
export function seekLeadership(
  connection: pg.ClientConfig,
  { tryMs = TRY_MS, timeoutMs = TIMEOUT_MS } = {},
): Leadership {
  let client: pg.Client | undefined;
  let leads = false;
  let trying = Promise.resolve();
  /** The end of one that was given up before says nothing of the one in its place. */
  const lose = (lost: pg.Client | undefined) => {
    if (client !== lost) return;
    client = undefined;
    leads = false;
  };
  const attempt = async () => {
    if (leads) {
      // Finds a server that is gone without a word.
      await client?.query('select 1');
      return;
    }
    client ??= await connect(connection, timeoutMs, lose);
    const { rows } = await client.query<{ got: boolean }>(
      `select pg_try_advisory_lock(${LOCK}) as got`,
    );
    leads = rows[0]?.got === true;
  };
  const next = () => {
    trying = trying.then(attempt).catch(() => {
      void client?.end().catch(() => undefined);
      lose(client);
    });
  };
  next();
  const timer = setInterval(next, tryMs).unref();
  return {
    get leads() {
      return leads;
    },
    async close() {
      clearInterval(timer);
      await trying;
      leads = false;
      await client?.end().catch(() => undefined);
    },
  };
}

async function connect(
  connection: pg.ClientConfig,
  timeoutMs: number,
  onLost: (lost: pg.Client) => void,
): Promise<pg.Client> {
  const client = new pg.Client({
    ...connection,
    application_name: 'syntropy-leader',
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    keepAlive: true,
  });
  client.on('error', () => onLost(client));
  client.on('end', () => onLost(client));
  await client.connect();
  return client;
}
