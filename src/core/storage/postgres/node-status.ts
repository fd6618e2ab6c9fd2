import { sql, type Transaction } from 'kysely';

import { type LifeEvent, nextStatus } from '../../utils/node-life.js';
import { AppError } from '../../types/errors/app-error.js';
import { appendEvent } from './event.repository.js';
import { nodeColumns, type NodeRow } from './node.rows.js';

/**
 * Takes a node where an event takes it, and tells of it. Without an event, or where it changes nothing, only the reason may change.
 * @param reason - why it is so; null takes the reason away.
 * @throws {AppError} NODE_NOT_FOUND, NODE_BUSY (it is at a point of its life where a machine cannot join as it).
 */
export async function moveNode(
  tx: Transaction<unknown>,
  nodeId: string,
  event: LifeEvent | undefined,
  { reason }: { readonly reason: string | null },
): Promise<NodeRow> {
  const { rows } = await sql<NodeRow>`
    select ${nodeColumns} from nodes where id = ${nodeId} for update`.execute(tx);
  const [before] = rows;
  if (!before) throw new AppError('NODE_NOT_FOUND', 'There is no such node.', { node: nodeId });
  const next = event && nextStatus(before.status, event);
  if (event === 'join' && next === undefined && before.status !== 'joining') {
    throw new AppError(
      'NODE_BUSY',
      `"${before.name}" is ${before.status}: no machine can join as it now.`,
      {
        node: nodeId,
        status: before.status,
      },
    );
  }
  if (next === undefined && before.failure_reason === reason) return before;
  const status = next ?? before.status;
  const { rows: after } = await sql<NodeRow>`
    update nodes set status = ${status}, failure_reason = ${reason},
      status_since = case when status = ${status} then status_since else now() end,
      updated_at = now(), version = version + 1
    where id = ${nodeId} returning ${nodeColumns}`.execute(tx);
  await appendEvent(tx, {
    type: 'node.status-changed',
    object: { kind: 'node', id: nodeId },
    payload: {
      name: before.name,
      from: before.status,
      status,
      ...(reason === null ? {} : { reason }),
    },
  });
  return after[0] ?? before;
}
