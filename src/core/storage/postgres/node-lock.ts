import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';

import { AppError } from '../../types/errors/app-error.js';
import { isUuid } from '../../utils/node-name.js';
import { nodeColumns, type NodeRow } from './node.rows.js';

/**
 * The row of a node that lives, locked until the transaction ends.
 * @throws {AppError} NODE_NOT_FOUND, also for one that is retired.
 */
export function lockNode(tx: Transaction<unknown>, ref: string): Promise<NodeRow> {
  return livingNode(tx, ref, sql`for update`);
}

/**
 * The same for whoever only looks, and waits for nobody.
 * @throws {AppError} NODE_NOT_FOUND, also for one that is retired.
 */
export function findNode(db: Kysely<unknown>, ref: string): Promise<NodeRow> {
  return livingNode(db, ref, sql``);
}

async function livingNode(
  db: Kysely<unknown>,
  ref: string,
  lock: RawBuilder<unknown>,
): Promise<NodeRow> {
  const key = isUuid(ref) ? sql`id = ${ref}` : sql`name = ${ref}`;
  const { rows } =
    await sql<NodeRow>`select ${nodeColumns} from nodes where ${key} ${lock}`.execute(db);
  const row = requireRow(rows[0], ref);
  if (row.status !== 'retired') return row;
  throw new AppError('NODE_NOT_FOUND', `Node "${ref}" is retired and no longer changes.`, {
    node: row.id,
  });
}

/**
 * Locks the row of a node until the transaction ends, where there is one. Whoever changes more than that row of a node does this first, or `lockNode`:
 * two that take a node and its agent in different orders would wait for each other.
 */
export async function holdNode(tx: Transaction<unknown>, nodeId: string): Promise<void> {
  await sql`select from nodes where id = ${nodeId} for update`.execute(tx);
}

/** The same of the node whose agent has this session. */
export async function holdNodeOf(tx: Transaction<unknown>, sessionId: string): Promise<void> {
  await sql`
    select from nodes where id = (select node_id from node_agents where session_id = ${sessionId}) for update`.execute(
    tx,
  );
}

/** @throws {AppError} VERSION_CONFLICT. */
export function requireVersion(row: NodeRow, wanted: number | undefined): void {
  if (wanted === undefined || Number(row.version) === wanted) return;
  throw new AppError('VERSION_CONFLICT', `Node "${row.name}" has version ${row.version} now.`, {
    version: Number(row.version),
  });
}

/** @throws {AppError} NODE_BUSY while an operation on it runs. */
export async function requireIdle(tx: Transaction<unknown>, row: NodeRow): Promise<void> {
  const { rows } =
    await sql`select from operations where node_id = ${row.id} and ended_at is null limit 1`.execute(
      tx,
    );
  if (rows.length === 0) return;
  throw new AppError('NODE_BUSY', `An operation on "${row.name}" still runs.`, { node: row.id });
}

/** @throws {AppError} NODE_NOT_FOUND. */
export function requireRow(row: NodeRow | undefined, ref: string): NodeRow {
  if (row) return row;
  throw new AppError('NODE_NOT_FOUND', `There is no node "${ref}".`, { node: ref });
}
