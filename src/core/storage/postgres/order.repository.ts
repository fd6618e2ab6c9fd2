import { type Kysely, sql, type Transaction } from 'kysely';

import type { NodeSession, OrderStore } from '../../services/node/order.ports.js';
import type { Node } from '../../types/models/node.js';

import { AppError } from '../../types/errors/app-error.js';
import { HEARTBEAT_SECONDS, MISSED_HEARTBEATS } from '../../utils/node-life.js';
import { appendEvent } from './event.repository.js';
import { tellAnew } from './node-desired.js';
import { findNode, lockNode, requireIdle, requireRow, requireVersion } from './node-lock.js';
import { nodeColumns, type NodeRow, toNode } from './node.rows.js';

const LIVE_SECONDS = HEARTBEAT_SECONDS * MISSED_HEARTBEATS;
/** Of `node_agents`: its agent is connected and was heard of. */
const isLive = sql.raw(
  `approval = 'approved' and session_id is not null and last_seen_at > now() - interval '${LIVE_SECONDS} seconds'`,
);

/** What nodes are told to do. */
export class OrderRepository implements OrderStore {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    this.#db = db;
  }

  async restart(ref: string, force: boolean): Promise<{ node: Node; bootId: string }> {
    return this.#db.transaction().execute(async (tx) => {
      const { id, name } = await lockNode(tx, ref);
      const { rows } = await sql<{ boot_id: string }>`
        update node_agents set restart_boot_id = boot_id, restart_force = ${force}, restart_ordered_at = now(), generation = generation + 1
        where node_id = ${id} and ${isLive} returning boot_id`.execute(tx);
      const [agent] = rows;
      if (!agent) throw notThere(id, name, 'so it cannot be started anew from here');
      await appendEvent(tx, {
        type: 'node.restart-ordered',
        object: { kind: 'node', id },
        payload: { name, force },
      });
      return { node: await read(tx, id), bootId: agent.boot_id };
    });
  }

  drain(ref: string, reason: string | undefined): Promise<Node> {
    return this.#db.transaction().execute(async (tx) => {
      const { id } = await lockNode(tx, ref);
      const drained = await setDrained(tx, id, { reason: reason ?? null });
      await announce(tx, 'node.drained', drained, reason);
      return toNode(drained);
    });
  }

  undrain(ref: string): Promise<Node> {
    return this.#db.transaction().execute(async (tx) => {
      const { id, drained_at } = await lockNode(tx, ref);
      if (drained_at === null) return read(tx, id);
      const undrained = await setDrained(tx, id, undefined);
      await announce(tx, 'node.undrained', undrained);
      return toNode(undrained);
    });
  }

  async dismiss(ref: string, ifVersion: number | undefined): Promise<Node> {
    return this.#db.transaction().execute(async (tx) => {
      const row = await lockNode(tx, ref);
      requireVersion(row, ifVersion);
      await requireIdle(tx, row);
      const { numAffectedRows } = await sql`
        update node_agents set dismissed_at = now() where node_id = ${row.id} and ${isLive}`.execute(
        tx,
      );
      if (numAffectedRows !== 1n) {
        throw notThere(row.id, row.name, 'so its machine cannot be told to take its keys away');
      }
      const dismissed = await setDrained(tx, row.id, { reason: 'It is being deleted.' });
      await announce(tx, 'node.dismissed', dismissed);
      return toNode(dismissed);
    });
  }

  async session(ref: string): Promise<NodeSession> {
    const { id, name } = await findNode(this.#db, ref);
    const { rows } = await sql<NodeSession>`
      select node_id as "nodeId", session_id as "sessionId", daemon_id as "daemonId" from node_agents where node_id = ${id} and ${isLive}`.execute(
      this.#db,
    );
    if (rows[0]) return rows[0];
    throw notThere(id, name, 'so it cannot be asked');
  }

  async hasAgent(nodeId: string): Promise<boolean> {
    const { rows } = await sql`select from node_agents where node_id = ${nodeId}`.execute(this.#db);
    return rows.length > 0;
  }
}

/** It takes no work from now on, or does again; its agent is told. */
async function setDrained(
  tx: Transaction<unknown>,
  id: string,
  drained: { readonly reason: string | null } | undefined,
): Promise<NodeRow> {
  await tellAnew(tx, id);
  const { rows } = await sql<NodeRow>`
    update nodes set drained_at = case when ${drained !== undefined} then coalesce(drained_at, now()) end,
      drain_reason = ${drained?.reason ?? null}, updated_at = now(), version = version + 1
    where id = ${id} returning ${nodeColumns}`.execute(tx);
  return requireRow(rows[0], id);
}

async function announce(
  tx: Transaction<unknown>,
  type: 'node.drained' | 'node.undrained' | 'node.dismissed',
  { id, name }: NodeRow,
  reason?: string,
): Promise<void> {
  const payload = { name, ...(reason ? { reason } : {}) };
  await appendEvent(tx, { type, object: { kind: 'node', id }, payload });
}

async function read(tx: Transaction<unknown>, id: string): Promise<Node> {
  const { rows } = await sql<NodeRow>`select ${nodeColumns} from nodes where id = ${id}`.execute(
    tx,
  );
  return toNode(requireRow(rows[0], id));
}

function notThere(node: string, name: string, consequence: string): AppError {
  return new AppError('NODE_OFFLINE', `"${name}" is not connected, ${consequence}.`, { node });
}
