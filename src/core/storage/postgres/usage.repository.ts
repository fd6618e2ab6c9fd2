import { type Kysely, sql } from 'kysely';

import type { LeaseUsage } from '../../services/container/container.ports.js';
import type { WorkSession } from '../../services/container/lease.ports.js';
import type { UsageRecord } from '../../types/models/container.js';

const MAX_LEASES = 10_000;

interface UsageRow {
  readonly lease_id: string;
  readonly replica: number;
  readonly node_id: string;
  readonly node_name: string;
  readonly from_at: Date;
  readonly to_at: Date;
  readonly cpu_micros: string;
  readonly memory_mib_seconds: number;
  readonly rx_bytes: string;
  readonly tx_bytes: string;
  readonly wall_seconds: number;
}

/** What was used under each lease of a container, added up; the last ten thousand leases. */
export async function findUsage(
  db: Kysely<unknown>,
  containerId: string,
  since: Date | undefined,
): Promise<readonly LeaseUsage[]> {
  const { rows } = await sql<UsageRow>`
    select l.id as lease_id, l.replica, l.node_id, n.name as node_name, min(u.from_at) as from_at, max(u.to_at) as to_at,
      sum(u.cpu_micros) as cpu_micros, sum(u.memory_mib_seconds) as memory_mib_seconds, sum(u.rx_bytes) as rx_bytes,
      sum(u.tx_bytes) as tx_bytes, sum(extract(epoch from u.to_at - u.from_at))::float8 as wall_seconds
    from container_leases l join usage_records u on u.lease_id = l.id join nodes n on n.id = l.node_id
    where l.container_id = ${containerId} and (${since ?? null}::timestamptz is null or u.to_at > ${since ?? null})
    group by l.id, n.name order by l.replica, l.created_at limit ${MAX_LEASES}`.execute(db);
  return rows.map((row) => ({
    lease: row.lease_id,
    replica: row.replica,
    node: { id: row.node_id, name: row.node_name },
    from: row.from_at,
    to: row.to_at,
    cpuSeconds: Number(row.cpu_micros) / 1e6,
    memoryMibSeconds: row.memory_mib_seconds,
    rxBytes: Number(row.rx_bytes),
    txBytes: Number(row.tx_bytes),
    wallSeconds: row.wall_seconds,
  }));
}

/** Keeps records that are not kept yet, of leases that this node has or had. What it says of others’ is passed over. */
export async function insertUsage(
  db: Kysely<unknown>,
  { nodeId, sessionId }: WorkSession,
  records: readonly UsageRecord[],
): Promise<void> {
  await sql`
    insert into usage_records (lease_id, boot_id, seq, from_at, to_at, cpu_micros, memory_mib_seconds, rx_bytes, tx_bytes)
    select r.lease, r."bootId", r.seq, r."from", greatest(r."from", r."to"), r."cpuMicros", r."memoryMibSeconds", r."rxBytes", r."txBytes"
    from jsonb_to_recordset(${JSON.stringify(records)}::jsonb) as r(lease uuid, "bootId" text, seq bigint, "from" timestamptz,
      "to" timestamptz, "cpuMicros" bigint, "memoryMibSeconds" float8, "rxBytes" bigint, "txBytes" bigint)
    join container_leases l on l.id = r.lease and l.node_id = ${nodeId}
    join node_agents a on a.node_id = l.node_id and a.session_id = ${sessionId}
    on conflict do nothing`.execute(db);
}
