import { sql, type Transaction } from 'kysely';

/**
 * Lets nobody else choose places until the transaction ends, on any daemon: what nodes have left is then what is read. Taken before any row, by whoever
 * adds a replica to a node, and by whoever takes a node away.
 */
export async function holdPlacement(tx: Transaction<unknown>): Promise<void> {
  await sql`select pg_advisory_xact_lock(7310584396)`.execute(tx);
}
