import { sql, type Transaction } from 'kysely';

import { appendEvent } from './event.repository.js';

/** A replica whose node goes for good. */
interface LostLease {
  readonly id: string;
  readonly container_id: string;
  readonly container_name: string;
  readonly replica: number;
  readonly was_leaving: boolean;
}

/**
 * Holds the containers that have to do with a node. Before its own row, because whoever changes a container may come to refer to the node by it;
 * no others come while the placement lock is held.
 */
export async function holdContainersOf(tx: Transaction<unknown>, nodeId: string): Promise<void> {
  await sql`
    select from containers where wanted_node_id = ${nodeId}
      or id in (select container_id from container_leases where node_id = ${nodeId} and ended_at is null)
    order by id for update`.execute(tx);
}

/**
 * Ends what a node has, whose containers are held: its machine is told nothing more. What becomes of the containers is decided by whoever looks
 * after them next.
 */
export async function endLeases(
  tx: Transaction<unknown>,
  nodeId: string,
  now: Date,
): Promise<readonly LostLease[]> {
  const { rows } = await sql<LostLease>`
    update container_leases l set ended_at = ${now}, end_reason = coalesce(end_reason, 'its node was deleted'),
      phase = case when leaving_at is null then 'lost' else 'ended' end
    from containers c where c.id = l.container_id and l.node_id = ${nodeId} and l.ended_at is null
    returning l.id, l.container_id, coalesce(c.former_name, c.name) as container_name, l.replica, l.leaving_at is not null as was_leaving`.execute(
    tx,
  );
  return rows;
}

/** Says that a replica is gone with its node, and what it had written there too. */
export async function tellLost(
  tx: Transaction<unknown>,
  lease: LostLease,
  node: string,
): Promise<void> {
  if (lease.was_leaving) return;
  const { id, replica, container_name: name } = lease;
  await appendEvent(tx, {
    type: 'container.replica-lost',
    object: { kind: 'container', id: lease.container_id },
    payload: { name, lease: id, replica, node, waits: false, reason: 'its node was deleted' },
  });
}
