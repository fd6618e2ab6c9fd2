import { type Kysely, sql } from 'kysely';

import type {
  LeaseAssignment,
  LeaseStore,
  NodeWord,
  NodeWork,
  WorkSession,
} from '../../services/container/lease.ports.js';
import type { ContainerSpec, UsageRecord } from '../../types/models/container.js';

import { appendEvent } from './event.repository.js';
import { insertUsage } from './usage.repository.js';

const TOLD_AT_ONCE = 1_000;

interface AssignmentRow {
  readonly id: string;
  readonly generation: string;
  readonly container_id: string;
  readonly container_name: string;
  readonly volumes_of: string | null;
  readonly owner_id: string;
  readonly replica: number;
  readonly desired: LeaseAssignment['desired'];
  readonly restart: string;
  readonly spec_hash: string;
  readonly spec: ContainerSpec;
  readonly digest: string | null;
}

/** Leases as their nodes see them. Each question is for the node whose session it is, and answered for no other. */
export class LeaseRepository implements LeaseStore {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    this.#db = db;
  }

  async work({ nodeId, sessionId }: WorkSession): Promise<NodeWork | undefined> {
    const { rows } = await sql<{
      generation: string;
      leases: NodeWork['leases'] | null;
      drop_volumes: readonly string[] | null;
    }>`
      select a.work_generation as generation,
        (select jsonb_agg(jsonb_build_object('lease', l.id, 'generation', l.generation) order by l.created_at, l.id) from container_leases l
          where l.node_id = a.node_id and l.ended_at is null and l.leaving_at is null) as leases,
        (select array_agg(distinct c.id::text) from container_leases l join containers c on c.id = l.container_id
          where l.node_id = a.node_id and l.ended_at is null and l.leaving_at is not null and c.remove_volumes) as drop_volumes
      from node_agents a where a.node_id = ${nodeId} and a.session_id = ${sessionId}`.execute(
      this.#db,
    );
    const [row] = rows;
    return (
      row && {
        generation: Number(row.generation),
        leases: row.leases ?? [],
        dropVolumes: row.drop_volumes ?? [],
      }
    );
  }

  async behind(daemonId: string, afterNodeId: string | undefined): Promise<readonly WorkSession[]> {
    const { rows } = await sql<WorkSession>`
      select node_id as "nodeId", session_id as "sessionId" from node_agents
      where daemon_id = ${daemonId} and session_id is not null and observed_work_generation < work_generation
        and approval = 'approved' and (${afterNodeId ?? null}::uuid is null or node_id > ${afterNodeId ?? null}::uuid)
      order by node_id limit ${TOLD_AT_ONCE}`.execute(this.#db);
    return rows;
  }

  async assignments(
    { nodeId, sessionId }: WorkSession,
    leases: readonly string[],
  ): Promise<readonly LeaseAssignment[]> {
    const { rows } = await sql<AssignmentRow>`
      select l.id, l.generation, l.container_id, coalesce(c.former_name, c.name) as container_name, c.volumes_of, c.owner_id, l.replica,
        l.desired, l.restart, r.spec, r.digest, case when l.is_pinned_anew
          then encode(sha256(convert_to(r.spec_hash || r.digest, 'UTF8')), 'hex') else r.spec_hash end as spec_hash
      from container_leases l join containers c on c.id = l.container_id
        join container_revisions r on r.container_id = l.container_id and r.revision = l.revision
        join node_agents a on a.node_id = l.node_id and a.session_id = ${sessionId}
      where l.id = any(${[...leases]}::uuid[]) and l.node_id = ${nodeId} and l.ended_at is null and l.leaving_at is null
      order by l.created_at, l.id`.execute(this.#db);
    return rows.map((row) => ({
      lease: row.id,
      generation: Number(row.generation),
      container: {
        id: row.container_id,
        name: row.container_name,
        ...(row.volumes_of === null ? {} : { volumesOf: row.volumes_of }),
      },
      ownerId: row.owner_id,
      replica: row.replica,
      desired: row.desired,
      restart: Number(row.restart),
      specHash: row.spec_hash,
      spec: row.spec,
      ...(row.digest === null ? {} : { digest: row.digest }),
    }));
  }

  async containersOf(
    { nodeId, sessionId }: WorkSession,
    leases: readonly string[],
  ): Promise<ReadonlyMap<string, string>> {
    if (leases.length === 0) return new Map();
    const { rows } = await sql<{ id: string; container_id: string }>`
      select l.id, l.container_id from container_leases l
        join node_agents a on a.node_id = l.node_id and a.session_id = ${sessionId}
      where l.id = any(${[...leases]}::uuid[]) and l.node_id = ${nodeId} and l.ended_at is null`.execute(
      this.#db,
    );
    return new Map(rows.map((row) => [row.id, row.container_id]));
  }

  async noteNode(
    { nodeId, sessionId }: WorkSession,
    { generation, engine, engineProblem }: NodeWord,
  ): Promise<boolean> {
    const said = engine ? JSON.stringify(engine) : null;
    const problem = engine ? null : (engineProblem ?? null);
    return this.#db.transaction().execute(async (tx) => {
      const { rows } = await sql<{ name: string; was_other: boolean }>`
        update node_agents a set engine = ${said}::jsonb, engine_problem = ${problem},
          observed_work_generation = least(a.work_generation, greatest(a.observed_work_generation, ${generation}::bigint))
        from (select node_id, engine, engine_problem from node_agents where node_id = ${nodeId} for update) as before, nodes n
        where a.node_id = before.node_id and n.id = a.node_id and a.session_id = ${sessionId}
        returning n.name, (before.engine is distinct from ${said}::jsonb or before.engine_problem is distinct from ${problem}) as was_other`.execute(
        tx,
      );
      const [node] = rows;
      if (node?.was_other) {
        await appendEvent(tx, {
          type: 'node.engine-changed',
          object: { kind: 'node', id: nodeId },
          payload: {
            name: node.name,
            ...(engine ? { engine: engine.kind, version: engine.version } : {}),
            ...(problem === null ? {} : { problem }),
          },
        });
      }
      return node !== undefined;
    });
  }

  noteUsage(session: WorkSession, records: readonly UsageRecord[]): Promise<void> {
    return insertUsage(this.#db, session, records);
  }
}
