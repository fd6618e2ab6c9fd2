import { type Kysely, sql, type Transaction } from 'kysely';

import type { BeginProvisioning, EndProvisioning } from '../../services/node/node.ports.js';
import type { Node, Provisioning } from '../../types/models/node.js';
import type {
  OperationProgress,
  OperationRecord,
  StoredFailure,
} from '../../types/models/operation.js';

import { AppError } from '../../types/errors/app-error.js';
import { isUniqueViolation } from './database-errors.js';
import { appendEvent } from './event.repository.js';
import { nodeColumns, type NodeRow, toNode } from './node.rows.js';
import { type OperationRow, toOperation } from './operation.rows.js';

/** The writing of sticks: node, join token and operation change together or not at all. */
export class ProvisioningRepository {
  readonly #db: Kysely<unknown>;
  readonly #daemonId: string;

  /** @param daemonId - noted with each operation, so that the next daemon knows whose work was cut off. */
  constructor(db: Kysely<unknown>, daemonId: string) {
    this.#db = db;
    this.#daemonId = daemonId;
  }

  async beginProvisioning(
    begin: BeginProvisioning,
  ): Promise<{ node: Node; operation: OperationRecord }> {
    try {
      return await this.#db.transaction().execute(async (tx) => {
        const { node, isNew } = await claimNode(tx, begin);
        const operation = await this.#openOperation(tx, begin, node);
        await replaceJoinToken(tx, begin, node);
        await appendEvent(tx, {
          type: isNew ? 'node.created' : 'node.updated',
          object: { kind: 'node', id: node.id },
          payload: { name: node.name, status: node.status },
        });
        await appendEvent(tx, {
          type: 'operation.started',
          object: { kind: 'operation', id: operation.id },
          payload: { kind: operation.kind, node: { id: node.id, name: node.name } },
          memberId: operation.memberId,
        });
        return { node, operation };
      });
    } catch (error) {
      // Two callers with one name at the same instant: the later one meets the unique key.
      if (!isUniqueViolation(error)) throw error;
      throw new AppError('NODE_NAME_TAKEN', `There is a node "${begin.name}" already.`, {
        name: begin.name,
      });
    }
  }

  /** Late progress, after the end, changes nothing. */
  async reportProgress(operationId: string, progress: OperationProgress): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      const { rows } = await sql<{ member_id: string }>`
        update operations set progress = ${JSON.stringify(progress)}::jsonb, updated_at = now()
        where id = ${operationId} and status = 'running' returning member_id`.execute(tx);
      const [operation] = rows;
      if (!operation) return;
      await appendEvent(tx, {
        type: 'operation.progressed',
        object: { kind: 'operation', id: operationId },
        payload: { progress },
        memberId: operation.member_id,
      });
    });
  }

  async endProvisioning(end: EndProvisioning): Promise<void> {
    await this.#db.transaction().execute((tx) => endInTransaction(tx, end));
  }

  /**
   * Marks what a daemon that is no more has left running: operation `interrupted`, node `failed`. Answers how many.
   * @param alive - ids of the daemons that still run, whose work is left alone.
   */
  async interruptOrphans(alive: readonly string[], now: Date): Promise<number> {
    const { rows } = await sql<OrphanRow>`
      select o.id, o.node_id, n.provisioning from operations o left join nodes n on n.id = o.node_id
      where o.ended_at is null and not (coalesce(o.daemon_id::text, '') = any(${alive}))
      order by o.created_at`.execute(this.#db);
    for (const row of rows) {
      await this.endProvisioning({
        nodeId: row.node_id ?? '',
        operationId: row.id,
        status: 'failed',
        reason: `${interrupted.code}: ${interrupted.message}`,
        provisioning: { ...(row.provisioning ?? unknownStick(row.id)), targetState: 'unusable' },
        outcome: { status: 'interrupted', error: interrupted },
        now,
      });
    }
    return rows.length;
  }

  async #openOperation(
    tx: Transaction<unknown>,
    begin: BeginProvisioning,
    node: Node,
  ): Promise<OperationRecord> {
    const { image, target } = begin.provisioning;
    const { rows } = await sql<OperationRow>`
      insert into operations (id, kind, status, subject, member_id, node_id, node_name, input, daemon_id, created_at, started_at, updated_at)
      values (${begin.operationId}, 'nodes.create', 'running', ${begin.subject.name}, ${begin.subject.id}, ${node.id}, ${node.name},
              ${JSON.stringify({ image, target })}::jsonb, ${this.#daemonId}, ${begin.now}, ${begin.now}, ${begin.now})
      returning *`.execute(tx);
    return toOperation(first(rows));
  }
}

interface OrphanRow {
  readonly id: string;
  readonly node_id: string | null;
  readonly provisioning: Provisioning | null;
}

function unknownStick(operationId: string): Provisioning {
  return {
    operationId,
    image: 'unknown',
    target: 'unknown',
    targetState: 'unusable',
    verified: false,
    identityWritten: false,
  };
}

const interrupted: StoredFailure = {
  code: 'OPERATION_INTERRUPTED',
  message:
    'The daemon ended during the write. What it was writing is unusable until it is written again.',
  details: { targetState: 'unusable' },
};

/** A new node, or the failed one of that name with its id and history. */
async function claimNode(
  tx: Transaction<unknown>,
  begin: BeginProvisioning,
): Promise<{ node: Node; isNew: boolean }> {
  const { rows: existing } = await sql<NodeRow>`
    select ${nodeColumns} from nodes where name = ${begin.name} for update`.execute(tx);
  const holder = existing[0];
  if (holder && holder.status !== 'failed') {
    const code = holder.status === 'provisioning' ? 'NODE_BUSY' : 'NODE_NAME_TAKEN';
    throw new AppError(code, `There is a node "${begin.name}" already.`, { node: holder.id });
  }
  const labels = JSON.stringify({ ...holder?.labels, ...begin.labels });
  const provisioning = JSON.stringify(begin.provisioning);
  const { rows } = await sql<NodeRow>`
    insert into nodes (id, name, owner_id, status, description, labels, provisioning, status_since, created_at, updated_at)
    values (${holder?.id ?? begin.nodeId}, ${begin.name}, ${begin.ownerId}, 'provisioning', ${begin.description ?? null},
            ${labels}::jsonb, ${provisioning}::jsonb, ${begin.now}, ${begin.now}, ${begin.now})
    on conflict (id) do update set status = 'provisioning', failure_reason = null, labels = excluded.labels,
      description = coalesce(excluded.description, nodes.description), provisioning = excluded.provisioning,
      status_since = excluded.status_since, updated_at = excluded.updated_at, version = nodes.version + 1
    returning ${nodeColumns}`.execute(tx);
  return { node: toNode(first(rows)), isNew: holder === undefined };
}

/** One stick, one token: what an earlier writing left behind can no longer be redeemed. */
async function replaceJoinToken(
  tx: Transaction<unknown>,
  begin: BeginProvisioning,
  node: Node,
): Promise<void> {
  await sql`update join_tokens set revoked_at = ${begin.now}
    where node_id = ${node.id} and revoked_at is null`.execute(tx);
  if (!begin.joinToken) return;
  await sql`
    insert into join_tokens (id, token_hash, node_id, reusable, uses_left, expires_at, created_at, created_by)
    values (gen_random_uuid(), ${Buffer.from(begin.joinToken.hash)}, ${node.id}, false, 1,
            ${begin.joinToken.expiresAt}, ${begin.now}, ${begin.subject.name})`.execute(tx);
}

async function endInTransaction(tx: Transaction<unknown>, end: EndProvisioning): Promise<void> {
  const { outcome, now } = end;
  const result = outcome.status === 'succeeded' ? JSON.stringify(outcome.result) : null;
  const error = outcome.status === 'succeeded' ? null : JSON.stringify(outcome.error);
  const { rows: ended } = await sql<{ member_id: string }>`
    update operations set status = ${outcome.status}, result = ${result}::jsonb, error = ${error}::jsonb,
      ended_at = ${now}, updated_at = ${now}
    where id = ${end.operationId} and ended_at is null returning member_id`.execute(tx);
  const [operation] = ended;
  if (!operation) return;
  const { rows } = await sql<NodeRow>`
    update nodes set status = ${end.status}, failure_reason = ${end.reason ?? null},
      provisioning = ${JSON.stringify(end.provisioning)}::jsonb,
      status_since = ${now}, updated_at = ${now}, version = version + 1
    where id::text = ${end.nodeId} and status = 'provisioning' returning ${nodeColumns}`.execute(
    tx,
  );
  if (end.status === 'failed') {
    await sql`update join_tokens set revoked_at = ${now}
      where node_id::text = ${end.nodeId} and revoked_at is null`.execute(tx);
  }
  await appendEvent(tx, {
    type: 'operation.ended',
    object: { kind: 'operation', id: end.operationId },
    payload: { status: outcome.status },
    memberId: operation.member_id,
  });
  const node = rows[0];
  if (!node) return;
  await appendEvent(tx, {
    type: 'node.updated',
    object: { kind: 'node', id: node.id },
    payload: { name: node.name, status: node.status },
  });
}

function first<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined) throw new TypeError('An insert with returning gave no row.');
  return row;
}
