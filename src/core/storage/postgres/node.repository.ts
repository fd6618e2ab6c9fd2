import { type Kysely, sql, type Transaction } from 'kysely';

import type { NodeChange, NodeFilter } from '../../services/node/node.ports.js';
import type { Offer } from '../../types/models/agent.js';
import type { Node } from '../../types/models/node.js';

import { AppError } from '../../types/errors/app-error.js';
import { isUuid } from '../../utils/node-name.js';
import { beyondCapacity } from '../../utils/offer.js';
import { isUniqueViolation } from './database-errors.js';
import { appendEvent } from './event.repository.js';
import { endLeases, holdContainersOf, tellLost } from './node-leases.js';
import { holdPlacement } from './placement-lock.js';
import { findNode, lockNode, requireIdle, requireRow, requireVersion } from './node-lock.js';
import { nodeColumns, type NodeRow, toNode } from './node.rows.js';
import { tellAnew } from './node-desired.js';

/** Nodes: read, changed, deleted. Making one is in provisioning.repository.ts. */
export class NodeRepository {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    this.#db = db;
  }

  async list(filter: NodeFilter): Promise<readonly Node[]> {
    const { key = null, value = null } = filter.label ?? {};
    const { rows } = await sql<NodeRow>`
      select ${nodeColumns} from nodes
      where (${filter.status ?? null}::text is null or status = ${filter.status ?? null})
        and (${filter.retired} or status <> 'retired')
        and (${key}::text is null or labels ? ${key})
        and (${value}::text is null or labels ->> ${key} = ${value})
        and (${filter.after ?? null}::text is null or name collate "C" > ${filter.after ?? null})
      order by name collate "C"
      limit ${filter.limit}`.execute(this.#db);
    return rows.map(toNode);
  }

  async find(ref: string): Promise<Node | undefined> {
    const row = await findRow(this.#db, ref);
    return row && toNode(row);
  }

  /** Two at most of those of a member that live, by name. */
  async ownedBy(memberId: string): Promise<readonly { id: string; name: string }[]> {
    const { rows } = await sql<{ id: string; name: string }>`
      select id, name from nodes where owner_id = ${memberId} and status <> 'retired' order by name collate "C" limit 2`.execute(
      this.#db,
    );
    return rows;
  }

  async update(ref: string, change: NodeChange, now: Date): Promise<Node> {
    return this.#db.transaction().execute(async (tx) => {
      const before = await lockNode(tx, ref);
      requireVersion(before, change.ifVersion);
      const labels = { ...before.labels, ...change.labels };
      for (const key of change.removeLabels ?? []) delete labels[key];
      const name = change.name ?? before.name;
      const offer = offerAfter(before, change.offer);
      await tellAnew(tx, before.id);
      if (change.agentVersion !== undefined) await wantAgent(tx, before, change.agentVersion);
      try {
        const { rows } = await sql<NodeRow>`
          update nodes set name = ${name}, labels = ${JSON.stringify(labels)}::jsonb,
            description = nullif(${change.description ?? before.description}, ''),
            location = nullif(${change.location ?? before.location}, ''),
            owner_id = ${change.ownerId ?? before.owner_id}, offer = ${offer && JSON.stringify(offer)}::jsonb,
            updated_at = ${now}, version = version + 1
          where id = ${before.id} returning ${nodeColumns}`.execute(tx);
        const node = toNode(requireRow(rows[0], ref));
        await appendEvent(tx, {
          type: 'node.updated',
          object: { kind: 'node', id: node.id },
          payload: {
            name: node.name,
            changed: Object.keys(change).filter((key) => key !== 'ifVersion'),
          },
        });
        return node;
      } catch (error) {
        if (!isUniqueViolation(error)) throw error;
        throw new AppError('NODE_NAME_TAKEN', `There is a node "${name}" already.`, { name });
      }
    });
  }

  async paidFrom(
    nodeId: string,
    limit: number,
  ): Promise<{ readonly names: readonly string[]; readonly count: number }> {
    const { rows } = await sql<{ name: string; count: number }>`
      select name, (count(*) over ())::int as count from containers
      where payer_node_id = ${nodeId} and removed_at is null order by name collate "C" limit ${limit}`.execute(
      this.#db,
    );
    return { names: rows.map(({ name }) => name), count: rows[0]?.count ?? 0 };
  }

  /** Retires the node when a container, a route or a credit account refers to it; removes it otherwise. */
  async delete(
    ref: string,
    ifVersion: number | undefined,
    now: Date,
  ): Promise<{ node: Node; outcome: 'removed' | 'retired' }> {
    return this.#db.transaction().execute(async (tx) => {
      await holdPlacement(tx);
      const { id } = await findNode(tx, ref);
      await holdContainersOf(tx, id);
      const row = await lockNode(tx, id);
      requireVersion(row, ifVersion);
      await requireIdle(tx, row);
      const lost = await endLeases(tx, row.id, now);
      const { rows } = await sql<{ kept: boolean }>`
        select exists (select from containers where ${row.id} in (node_id, payer_node_id))
               or exists (select from container_leases where node_id = ${row.id})
               or exists (select from network_routes where source_node_id = ${row.id} or destination_node_id = ${row.id})
               or exists (select from cooperative_credits where node_id = ${row.id}) as kept`.execute(
        tx,
      );
      const outcome = rows[0]?.kept ? 'retired' : 'removed';
      const after = outcome === 'retired' ? await retire(tx, row, now) : await remove(tx, row);
      await appendEvent(tx, {
        type: outcome === 'retired' ? 'node.retired' : 'node.removed',
        object: { kind: 'node', id: row.id },
        payload: { name: row.name },
      });
      for (const lease of lost) await tellLost(tx, lease, row.name);
      return { node: toNode(after), outcome };
    });
  }
}

/** @throws {AppError} OFFER_EXCEEDS_HARDWARE, as far as it is known what the machine has. */
function offerAfter(before: NodeRow, change: Offer | null | undefined): Offer | null {
  if (change === null) return null;
  if (change === undefined) return before.offer;
  const [beyond] = beyondCapacity(change, before.agent?.capacity ?? undefined);
  if (beyond) throw new AppError('OFFER_EXCEEDS_HARDWARE', beyond, { node: before.id });
  return { ...before.offer, ...change };
}

/** @throws {AppError} AGENT_NOT_JOINED. */
async function wantAgent(tx: Transaction<unknown>, node: NodeRow, version: string): Promise<void> {
  const { numAffectedRows } = await sql`
    update node_agents set wanted_version = nullif(${version}, agent_version), wanted_order = generation
    where node_id = ${node.id}`.execute(tx);
  if (numAffectedRows === 1n) return;
  throw new AppError('AGENT_NOT_JOINED', `No machine has joined as "${node.name}" yet.`, {
    node: node.id,
  });
}

/** By id, or by name among those that live: a retired node's row has another name. */
async function findRow(db: Kysely<unknown>, ref: string): Promise<NodeRow | undefined> {
  const { rows } = isUuid(ref)
    ? await sql<NodeRow>`select ${nodeColumns} from nodes where id = ${ref}`.execute(db)
    : await sql<NodeRow>`select ${nodeColumns} from nodes where name = ${ref}`.execute(db);
  return rows[0];
}

async function retire(tx: Transaction<unknown>, row: NodeRow, now: Date): Promise<NodeRow> {
  await sql`update join_tokens set revoked_at = coalesce(revoked_at, ${now}) where node_id = ${row.id}`.execute(
    tx,
  );
  // Its keys open nothing from now on.
  await sql`delete from node_agents where node_id = ${row.id}`.execute(tx);
  const { rows } = await sql<NodeRow>`
    update nodes set status = 'retired', former_name = name, name = name || '~' || left(id::text, 8),
      failure_reason = null, status_since = ${now}, retired_at = ${now}, updated_at = ${now}, version = version + 1
    where id = ${row.id} returning ${nodeColumns}`.execute(tx);
  return requireRow(rows[0], row.id);
}

async function remove(tx: Transaction<unknown>, row: NodeRow): Promise<NodeRow> {
  await sql`delete from nodes where id = ${row.id}`.execute(tx);
  return row;
}
