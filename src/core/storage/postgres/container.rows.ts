import { type Kysely, sql } from 'kysely';

import type {
  ContainerState,
  Lease,
  Reported,
  StoredContainer,
  StoredRevision,
} from '../../services/container/container.ports.js';
import type { ContainerSpec, ContainerStatus, ReplicaPhase } from '../../types/models/container.js';
import type { NodeStatus } from '../../types/models/node.js';

interface ContainerRow {
  readonly id: string;
  readonly name: string;
  readonly owner_id: string;
  readonly owner_name: string;
  readonly desired: StoredContainer['desired'];
  readonly status: ContainerStatus;
  readonly status_reason: string | null;
  readonly status_since: Date;
  readonly replicas: number;
  readonly revision: number;
  readonly stable_revision: number | null;
  readonly labels: Record<string, string>;
  readonly selector: Record<string, string>;
  readonly wanted_node_id: string | null;
  readonly wanted_node_name: string | null;
  readonly payer_node_id: string;
  readonly payer_name: string;
  readonly lost_after_seconds: number;
  readonly volumes_of: string | null;
  readonly remove_volumes: boolean;
  readonly former_name: string | null;
  readonly removed_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  /** bigint, which arrives as text. */
  readonly version: string;
}

interface LeaseRow {
  readonly id: string;
  readonly container_id: string;
  readonly node_id: string;
  readonly node_name: string;
  readonly node_status: NodeStatus;
  readonly last_seen_at: Date | null;
  readonly replica: number;
  readonly revision: number;
  readonly desired: Lease['desired'];
  readonly restart: string;
  readonly generation: string;
  readonly cpu_millis: number;
  readonly memory_bytes: string;
  readonly host_ports: readonly string[];
  readonly created_at: Date;
  readonly leaving_at: Date | null;
  readonly ended_at: Date | null;
  readonly end_reason: string | null;
  readonly is_pinned_anew: boolean;
  readonly observed_generation: string;
  readonly phase: ReplicaPhase;
  readonly report: Reported;
  readonly observed_at: Date | null;
}

export interface RevisionRow {
  readonly container_id: string;
  readonly revision: number;
  readonly spec: ContainerSpec;
  readonly spec_hash: string;
  readonly digest: string | null;
  readonly state: StoredRevision['state'];
  readonly reason: string | null;
  readonly created_at: Date;
  readonly created_by: string;
}

/** Whether a node can be heard of, by its status: of `nodes n`. */
export const isReachable = sql.raw(`n.status in ('online', 'degraded')`);

/**
 * The state of containers, with the replicas that have not ended; of those that were removed, with how the last ones ended.
 * @param lock - whether the rows of the containers are held until the transaction ends.
 */
export async function readStates(
  db: Kysely<unknown>,
  ids: readonly string[],
  { lock = false }: { readonly lock?: boolean } = {},
): Promise<readonly ContainerState[]> {
  const wanted = sql`any(${[...ids]}::uuid[])`;
  // By itself first: what is read after it is then what nobody else changes.
  if (lock) await sql`select from containers where id = ${wanted} for update`.execute(db);
  const { rows } = await sql<ContainerRow>`
    select c.*, m.name as owner_name, w.name as wanted_node_name, p.name as payer_name
    from containers c join members m on m.id = c.owner_id left join nodes w on w.id = c.wanted_node_id
      join nodes p on p.id = c.payer_node_id
    where c.id = ${wanted}`.execute(db);
  const { rows: leases } = await sql<LeaseRow>`
    select l.*, n.name as node_name, n.status as node_status, a.last_seen_at
    from container_leases l join containers c on c.id = l.container_id join nodes n on n.id = l.node_id
      left join node_agents a on a.node_id = n.id
    where l.container_id = ${wanted} and (l.ended_at is null or (c.removed_at is not null and l.created_at =
      (select max(o.created_at) from container_leases o where o.container_id = l.container_id and o.replica = l.replica)))
    order by l.replica, l.created_at`.execute(db);
  const { rows: revisions } = await sql<RevisionRow>`
    select r.* from container_revisions r join containers c on c.id = r.container_id
    where r.container_id = ${wanted} and (r.revision in (c.revision, c.stable_revision)
      or r.revision = (select max(o.revision) from container_revisions o where o.container_id = c.id)
      or r.revision in (select l.revision from container_leases l where l.container_id = c.id and l.ended_at is null))
    order by r.revision`.execute(db);
  return rows.map((row) => ({
    container: toStored(row),
    leases: leases.filter((lease) => lease.container_id === row.id).map(toLease),
    revisions: revisions.filter((one) => one.container_id === row.id).map(toRevision),
    events: [],
  }));
}

function toStored(row: ContainerRow): StoredContainer {
  const { wanted_node_id: nodeId, wanted_node_name: nodeName } = row;
  return {
    id: row.id,
    name: row.name,
    owner: { id: row.owner_id, name: row.owner_name },
    desired: row.desired,
    status: row.status,
    ...(row.status_reason === null ? {} : { statusReason: row.status_reason }),
    statusSince: row.status_since,
    replicas: row.replicas,
    revision: row.revision,
    ...(row.stable_revision === null ? {} : { stableRevision: row.stable_revision }),
    labels: row.labels,
    selector: row.selector,
    ...(nodeId === null || nodeName === null ? {} : { wantedNode: { id: nodeId, name: nodeName } }),
    payer: { id: row.payer_node_id, name: row.payer_name },
    lostAfterSeconds: row.lost_after_seconds,
    ...(row.volumes_of === null ? {} : { volumesOf: row.volumes_of }),
    removeVolumes: row.remove_volumes,
    ...(row.former_name === null ? {} : { formerName: row.former_name }),
    ...(row.removed_at === null ? {} : { removedAt: row.removed_at }),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    version: Number(row.version),
  };
}

function toLease(row: LeaseRow): Lease {
  return {
    id: row.id,
    replica: row.replica,
    node: { id: row.node_id, name: row.node_name },
    isReachable: row.node_status === 'online' || row.node_status === 'degraded',
    isGone: row.node_status === 'lost' || row.node_status === 'retired',
    ...(row.last_seen_at === null ? {} : { lastSeenAt: row.last_seen_at }),
    revision: row.revision,
    desired: row.desired,
    restart: Number(row.restart),
    generation: Number(row.generation),
    reserved: {
      cpuMillis: row.cpu_millis,
      memoryBytes: Number(row.memory_bytes),
      hostPorts: row.host_ports,
    },
    createdAt: row.created_at,
    ...(row.leaving_at === null ? {} : { leavingAt: row.leaving_at }),
    ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
    ...(row.end_reason === null ? {} : { endReason: row.end_reason }),
    isPinnedAnew: row.is_pinned_anew,
    observedGeneration: Number(row.observed_generation),
    phase: row.phase,
    report: row.report,
    ...(row.observed_at === null ? {} : { observedAt: row.observed_at }),
  };
}

export function toRevision(row: RevisionRow): StoredRevision {
  return {
    revision: row.revision,
    spec: row.spec,
    specHash: row.spec_hash,
    ...(row.digest === null ? {} : { digest: row.digest }),
    createdAt: row.created_at,
    createdBy: row.created_by,
    state: row.state,
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}
