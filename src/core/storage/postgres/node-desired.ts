import { sql, type Transaction } from 'kysely';

/** An order to start anew that nobody obeyed in this time is forgotten: hours later it would come as a surprise. */
const RESTART_ORDER_SECONDS = 300;

/** What a node is to be, as its agent is told: of `nodes n` joined with `node_agents a`. */
export const desiredColumn = sql.raw(`jsonb_strip_nulls(jsonb_build_object(
  'generation', a.generation, 'name', n.name, 'offer', n.offer, 'drained', n.drained_at is not null,
  'restart', case when a.restart_boot_id = a.boot_id and a.restart_ordered_at > now() - interval '${RESTART_ORDER_SECONDS} seconds'
    then jsonb_build_object('bootId', a.restart_boot_id, 'force', a.restart_force) end,
  'update', case when a.wanted_version <> a.agent_version then jsonb_build_object('version', a.wanted_version, 'order', a.wanted_order) end,
  'dismissed', case when a.dismissed_at is not null then true end)) as desired`);

/** A node has another generation from now on, and its agent is told. Nothing where no machine has joined as it. */
export async function tellAnew(tx: Transaction<unknown>, nodeId: string): Promise<void> {
  await sql`update node_agents set generation = generation + 1 where node_id = ${nodeId}`.execute(
    tx,
  );
}
