import type { Pool } from 'pg';

/**
 * Says something to whoever listens on a channel; nobody may.
 * @param text - of 7,999 bytes at most, which is what Postgres takes
 *   (https://www.postgresql.org/docs/current/sql-notify.html).
 * @throws what the query fails with.
 */
export async function notify(pool: Pool, channel: string, text: string): Promise<void> {
  await pool.query('select pg_notify($1, $2)', [channel, text]);
}

/** The same for several texts, in their order. No two may be alike: Postgres tells of the same only once. */
export async function notifyAll(
  pool: Pool,
  channel: string,
  texts: readonly string[],
): Promise<void> {
  await pool.query('select pg_notify($1, text) from unnest($2::text[]) as text', [channel, texts]);
}
