import { sql, type Transaction } from 'kysely';

import type {
  ContainerState,
  Lease,
  StoredContainer,
  StoredRevision,
} from '../../services/container/container.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { violatedConstraint } from './database-errors.js';
import { appendEvent } from './event.repository.js';

/** Order of rows that every transaction keeps to: containers, nodes, leases, agents, events. A container refers to nodes, so it comes before them. */

/** A container that there was not. @throws {AppError} CONTAINER_NAME_TAKEN. */
export async function insertState(
  tx: Transaction<unknown>,
  { container, revisions, leases, events }: ContainerState,
): Promise<void> {
  try {
    await sql`
      insert into containers (id, name, owner_id, payer_node_id, image, status, replicas, volumes_of, created_at)
      values (${container.id}, ${container.name}, ${container.owner.id}, ${container.payer.id}, '', ${container.status},
        ${container.replicas}, ${container.volumesOf ?? null}, ${container.createdAt})`.execute(tx);
  } catch (error) {
    if (violatedConstraint(error) !== 'containers_living') throw error;
    throw new AppError(
      'CONTAINER_NAME_TAKEN',
      `There is a container "${container.name}" already.`,
      { name: container.name },
    );
  }
  const nothing = { revisions: [], leases: [] };
  await writeState(tx, nothing, { container, revisions, leases, events });
}

/** Writes what is another object than before, then tells of it. */
export async function writeState(
  tx: Transaction<unknown>,
  before: Pick<ContainerState, 'revisions' | 'leases'> & Partial<ContainerState>,
  after: ContainerState,
): Promise<void> {
  const { container } = after;
  for (const revision of after.revisions) {
    const known = before.revisions.find((one) => one.revision === revision.revision);
    if (!known) await insertRevision(tx, container.id, revision);
    else if (known !== revision) await updateRevision(tx, container.id, revision);
  }
  if (before.container !== container) await updateContainer(tx, after);
  const told = new Set<string>();
  for (const lease of after.leases) {
    const known = before.leases.find(({ id }) => id === lease.id);
    if (known === lease) continue;
    if (isNewToNode(known, lease)) told.add(lease.node.id);
    await (known ? updateLease(tx, lease) : insertLease(tx, container.id, lease));
  }
  await tellNodes(tx, [...told]);
  for (const { type, payload } of after.events) {
    const name = container.formerName ?? container.name;
    await appendEvent(tx, {
      type,
      object: { kind: 'container', id: container.id },
      payload: { name, ...payload },
    });
  }
}

/** These nodes have other work from now on. In the order in which everyone takes several agents. */
async function tellNodes(tx: Transaction<unknown>, nodeIds: readonly string[]): Promise<void> {
  if (nodeIds.length === 0) return;
  await sql`
    with held as (
      select node_id from node_agents where node_id = any(${[...nodeIds]}::uuid[]) order by node_id for update
    )
    update node_agents a set work_generation = work_generation + 1 from held where a.node_id = held.node_id`.execute(
    tx,
  );
}

/** Whether it is in the work of its node. */
function isIn({ leavingAt, endedAt }: Lease): boolean {
  return leavingAt === undefined && endedAt === undefined;
}

function isNewToNode(before: Lease | undefined, after: Lease): boolean {
  if (!before) return isIn(after);
  return before.generation !== after.generation || isIn(before) !== isIn(after);
}

async function updateContainer(
  tx: Transaction<unknown>,
  { container, revisions, leases }: ContainerState,
): Promise<void> {
  const spec = revisions.find(({ revision }) => revision === container.revision)?.spec;
  await sql`
    update containers set name = ${container.name}, former_name = ${container.formerName ?? null}, desired = ${container.desired},
      status = ${container.status}, status_reason = ${container.statusReason ?? null}, status_since = ${container.statusSince},
      replicas = ${container.replicas}, revision = ${container.revision}, stable_revision = ${container.stableRevision ?? null},
      labels = ${JSON.stringify(container.labels)}::jsonb, selector = ${JSON.stringify(container.selector)}::jsonb,
      wanted_node_id = ${container.wantedNode?.id ?? null}, payer_node_id = ${container.payer.id},
      lost_after_seconds = ${container.lostAfterSeconds}, remove_volumes = ${container.removeVolumes},
      removed_at = ${container.removedAt ?? null}, updated_at = ${container.updatedAt}, version = ${container.version},
      image = coalesce(${spec?.image ?? null}, image), config = coalesce(${spec ? JSON.stringify(spec) : null}::jsonb, config),
      node_id = coalesce(${firstNode(container, leases)}, node_id)
    where id = ${container.id}`.execute(tx);
}

function firstNode({ desired }: StoredContainer, leases: readonly Lease[]): string | null {
  return desired === 'removed' ? null : (leases[0]?.node.id ?? null);
}

async function insertRevision(
  tx: Transaction<unknown>,
  containerId: string,
  made: StoredRevision,
): Promise<void> {
  await sql`
    insert into container_revisions (container_id, revision, spec, spec_hash, digest, state, created_at, created_by)
    values (${containerId}, ${made.revision}, ${JSON.stringify(made.spec)}::jsonb, ${made.specHash}, ${made.digest ?? null},
      ${made.state}, ${made.createdAt}, ${made.createdBy})`.execute(tx);
}

async function updateRevision(
  tx: Transaction<unknown>,
  containerId: string,
  { revision, state, reason, digest }: StoredRevision,
): Promise<void> {
  await sql`
    update container_revisions set state = ${state}, reason = ${reason ?? null}, digest = ${digest ?? null}
    where container_id = ${containerId} and revision = ${revision}`.execute(tx);
}

async function insertLease(
  tx: Transaction<unknown>,
  containerId: string,
  lease: Lease,
): Promise<void> {
  const { reserved } = lease;
  await sql`
    insert into container_leases (id, container_id, node_id, replica, revision, desired, cpu_millis, memory_bytes, host_ports, created_at)
    values (${lease.id}, ${containerId}, ${lease.node.id}, ${lease.replica}, ${lease.revision}, ${lease.desired},
      ${reserved.cpuMillis}, ${reserved.memoryBytes}, ${[...reserved.hostPorts]}, ${lease.createdAt})`.execute(
    tx,
  );
}

async function updateLease(tx: Transaction<unknown>, lease: Lease): Promise<void> {
  const { reserved } = lease;
  await sql`
    update container_leases set revision = ${lease.revision}, desired = ${lease.desired}, restart = ${lease.restart},
      generation = ${lease.generation}, cpu_millis = ${reserved.cpuMillis}, memory_bytes = ${reserved.memoryBytes},
      host_ports = ${[...reserved.hostPorts]}, leaving_at = ${lease.leavingAt ?? null}, ended_at = ${lease.endedAt ?? null},
      end_reason = ${lease.endReason ?? null}, is_pinned_anew = ${lease.isPinnedAnew}, observed_generation = ${lease.observedGeneration}, phase = ${lease.phase},
      report = ${JSON.stringify(lease.report)}::jsonb, observed_at = ${lease.observedAt ?? null}
    where id = ${lease.id}`.execute(tx);
}
