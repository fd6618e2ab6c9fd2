import { type Kysely, sql, type Transaction } from 'kysely';

import type {
  AgentSession,
  AgentStore,
  Beat,
  Connected,
  KnownAgent,
  NodeReport,
  Redeemed,
  Redemption,
  ToTell,
} from '../../services/node/agent.ports.js';
import type { LifeEvent } from '../../utils/node-life.js';
import type { DesiredNode } from '../../types/models/agent.js';
import type { Node } from '../../types/models/node.js';

import { knownAilments } from '../../utils/node-ailments.js';
import { AppError } from '../../types/errors/app-error.js';
import { violatedConstraint } from './database-errors.js';
import { selectAgent } from './agent.rows.js';
import { appendEvent } from './event.repository.js';
import { assess, type Assessed } from './node-assessment.js';
import { desiredColumn } from './node-desired.js';
import { holdNode, holdNodeOf } from './node-lock.js';
import { moveNode } from './node-status.js';
import { toNode } from './node.rows.js';
import { nameTaken, redeemIn } from './redemption.js';
import { sampleColumns, sampleRecord, toSampleRow } from './sample.rows.js';

const KEPT_CONNECTS = 10;
/** Nodes that one sweep moves in one transaction; the next takes up the rest. */
const SWEEP_PAGE = 500;

/** Sessions of one page of those that are to be told. */
const TOLD_AT_ONCE = 1_000;

/** What the agent said the last time. */
interface Earlier {
  readonly earlier_boot: string | null;
  readonly earlier_version: string | null;
}

/** Agents of nodes: how they join, connect and are heard of. */
export class AgentRepository implements AgentStore {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    this.#db = db;
  }

  async redeem(redemption: Redemption): Promise<Redeemed> {
    try {
      return await this.#db.transaction().execute((tx) => redeemIn(tx, redemption));
    } catch (error) {
      const constraint = violatedConstraint(error);
      if (constraint === undefined) throw error;
      // Two that want one name at the same instant meet here.
      if (constraint.startsWith('nodes_')) throw nameTaken(redemption.name ?? '');
      throw new AppError('AGENT_JOINED', 'A node has these keys already.');
    }
  }

  async find(nodeId: string): Promise<KnownAgent | undefined> {
    const { rows } = await selectAgent(this.#db, sql`a.node_id = ${nodeId}`);
    const [row] = rows;
    return (
      row && {
        node: { id: row.node_id, name: row.node_name },
        identityKey: row.identity_key,
        machine: row.machine,
        approval: row.approval,
        isLive: row.is_live ?? false,
      }
    );
  }

  async connect(session: AgentSession): Promise<Connected> {
    return this.#db.transaction().execute(async (tx) => {
      await holdNode(tx, session.nodeId);
      const { rows } = await sql<Assessed & Earlier>`
        update node_agents a set session_id = ${session.sessionId}, daemon_id = ${session.daemonId}, source = ${session.source},
          boot_id = ${session.bootId}, agent_version = ${session.agentVersion}, protocol = ${session.protocol},
          wanted_version = nullif(wanted_version, ${session.agentVersion}),
          connected_at = now(), last_seen_at = now(), clock_skew_ms = ${session.skewMs},
          connects = (connects || now())[greatest(1, cardinality(connects) + 2 - ${KEPT_CONNECTS}::int):]
        from (select boot_id, agent_version from node_agents where node_id = ${session.nodeId} for update) as before
        where a.node_id = ${session.nodeId} and approval = 'approved'
        returning node_id, connects, ailments, now() as now, before.boot_id as earlier_boot, before.agent_version as earlier_version`.execute(
        tx,
      );
      const [agent] = rows;
      if (!agent) throw new AppError('AGENT_UNKNOWN', 'The node was deleted just now.');
      const row = await assess(tx, agent);
      await tellDifferences(tx, row, agent, session);
      const { rows: told } = await sql<{ desired: DesiredNode }>`
        select ${desiredColumn} from nodes n join node_agents a on a.node_id = n.id where n.id = ${row.id}`.execute(
        tx,
      );
      const [first] = told;
      if (!first) throw new AppError('AGENT_UNKNOWN', 'The node was deleted just now.');
      return {
        node: { id: row.id, name: row.name },
        desired: first.desired,
        ailments: knownAilments(agent.ailments),
      };
    });
  }

  async suspect(nodeId: string, machine: Uint8Array): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      await holdNode(tx, nodeId);
      const { numAffectedRows } = await sql`
        update node_agents set approval = 'pending', pending_machine = ${Buffer.from(machine)}
        where node_id = ${nodeId} and approval <> 'rejected' and pending_machine is distinct from ${Buffer.from(machine)}`.execute(
        tx,
      );
      if (numAffectedRows !== 1n) return;
      await moveNode(tx, nodeId, 'ailing', {
        reason: 'Its identity came from another machine than the one that joined.',
      });
    });
  }

  async decide(
    nodeId: string,
    { approval, reason }: { approval: 'approved' | 'rejected'; reason?: string },
  ): Promise<Node> {
    return this.#db.transaction().execute(async (tx) => {
      await holdNode(tx, nodeId);
      const { numAffectedRows } = await sql`
        update node_agents set approval = ${approval}, machine = coalesce(pending_machine, machine), pending_machine = null,
          session_id = case when ${approval} = 'rejected' then null else session_id end
        where node_id = ${nodeId} and approval = 'pending'`.execute(tx);
      if (numAffectedRows !== 1n) {
        throw new AppError('NODE_NOT_PENDING', 'This node does not wait for approval.', {
          node: nodeId,
        });
      }
      const row = await moveNode(tx, nodeId, approval === 'rejected' ? 'reject' : undefined, {
        reason: approval === 'rejected' ? (reason ?? 'It was turned away.') : null,
      });
      await appendEvent(tx, {
        type: approval === 'approved' ? 'node.approved' : 'node.rejected',
        object: { kind: 'node', id: nodeId },
        payload: { name: row.name },
      });
      return toNode(row);
    });
  }

  async beat(beats: readonly Beat[]): Promise<readonly string[]> {
    if (beats.length === 0) return [];
    const { rows } = await sql<{ session_id: string }>`
      with heard as (
        select * from jsonb_to_recordset(${JSON.stringify(beats.map(beatRow))}::jsonb)
          as h(node_id uuid, session_id uuid, skew bigint, observed bigint, sample jsonb)
      ), held as (
        -- A sample refers to its node, whose row is taken before that of its agent, as everywhere.
        select n.id from nodes n join heard h on h.node_id = n.id order by n.id for key share of n
      ), taken as (
        -- In the order in which whoever gives several nodes other work takes their agents.
        select b.node_id from node_agents b join held on held.id = b.node_id order by b.node_id for update of b
      ), noted as (
        update node_agents a set last_seen_at = now(), clock_skew_ms = h.skew,
          observed_generation = least(a.generation, greatest(a.observed_generation, h.observed))
        from heard h join taken on taken.node_id = h.node_id where a.node_id = h.node_id and a.session_id = h.session_id and a.approval = 'approved'
        returning a.node_id, a.session_id, h.sample
      ), kept as (
        insert into node_samples (node_id, at, ${sampleColumns})
        select n.node_id, now(), ${sampleColumns} from noted n, jsonb_to_record(n.sample) as s(${sampleRecord})
        where n.sample is not null
        on conflict do nothing
      )
      select h.session_id from heard h where h.session_id not in (select session_id from noted)`.execute(
      this.#db,
    );
    return rows.map((row) => row.session_id);
  }

  async stale(sessionIds: readonly string[]): Promise<readonly string[]> {
    const { rows } = await sql<{ id: string }>`
      select id from unnest(${[...sessionIds]}::uuid[]) as s(id)
      where not exists (select from node_agents a where a.session_id = s.id and a.approval = 'approved')`.execute(
      this.#db,
    );
    return rows.map(({ id }) => id);
  }

  async behind(daemonId: string, afterNodeId?: string): Promise<readonly ToTell[]> {
    const { rows } = await sql<ToTell>`
      select a.node_id as "nodeId", a.session_id as "sessionId", ${desiredColumn} from nodes n join node_agents a on a.node_id = n.id
      where a.daemon_id = ${daemonId} and a.session_id is not null and a.observed_generation < a.generation and a.approval = 'approved'
        and (${afterNodeId ?? null}::uuid is null or a.node_id > ${afterNodeId ?? null}::uuid)
      order by a.node_id limit ${TOLD_AT_ONCE}`.execute(this.#db);
    return rows;
  }

  async report(sessionId: string, { generation, capacity, problems }: NodeReport): Promise<void> {
    // With a no: it is not told again, and stands in the way of nothing else.
    const isRestartAnswered = problems.some(({ code }) => code.startsWith('RESTART_'));
    await this.#db.transaction().execute(async (tx) => {
      const { rows } = await sql<{ node_id: string; name: string }>`
        update node_agents a set observed_generation = least(a.generation, greatest(a.observed_generation, ${generation}::bigint)),
          capacity = ${JSON.stringify(capacity)}::jsonb, problems = ${JSON.stringify(problems)}::jsonb,
          restart_boot_id = case when ${isRestartAnswered} then null else restart_boot_id end
        from nodes n where a.session_id = ${sessionId} and n.id = a.node_id and (a.observed_generation < least(a.generation, ${generation}::bigint)
          or a.capacity is distinct from ${JSON.stringify(capacity)}::jsonb or a.problems <> ${JSON.stringify(problems)}::jsonb)
        returning a.node_id, n.name`.execute(tx);
      const [node] = rows;
      if (!node) return;
      await appendEvent(tx, {
        type: 'node.reported',
        object: { kind: 'node', id: node.node_id },
        payload: { name: node.name, generation, problems: problems.map(({ code }) => code) },
      });
    });
  }

  async leave(sessionId: string): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      await holdNodeOf(tx, sessionId);
      const { rows } = await sql<{ node_id: string }>`
        delete from node_agents where session_id = ${sessionId} returning node_id`.execute(tx);
      const [agent] = rows;
      if (agent) await moveNode(tx, agent.node_id, 'leave', { reason: 'It left the grid.' });
    });
  }

  async disconnect(sessionId: string): Promise<void> {
    await sql`update node_agents set session_id = null, daemon_id = null where session_id = ${sessionId}`.execute(
      this.#db,
    );
  }

  async sweep(limits: {
    readonly offlineSeconds: number;
    readonly lostSeconds: number;
    readonly since: Date;
  }): Promise<number> {
    const silent = await this.#moveSilent(
      ['online', 'degraded'],
      limits.offlineSeconds,
      limits.since,
      'silent',
    );
    return (
      silent + (await this.#moveSilent(['offline'], limits.lostSeconds, limits.since, 'given-up'))
    );
  }

  async #moveSilent(
    statuses: readonly string[],
    seconds: number,
    since: Date,
    event: LifeEvent,
  ): Promise<number> {
    return this.#db.transaction().execute(async (tx) => {
      const { rows } = await sql<{ id: string; seen: Date }>`
        select n.id, a.last_seen_at as seen from nodes n join node_agents a on a.node_id = n.id
        where n.status = any(${statuses}) and greatest(a.last_seen_at, ${since}) < now() - ${seconds} * interval '1 second'
        order by n.id limit ${SWEEP_PAGE} for update of n skip locked`.execute(tx);
      for (const { id, seen } of rows) {
        await moveNode(tx, id, event, {
          reason: `Nothing was heard of it since ${seen.toISOString()}.`,
        });
      }
      return rows.length;
    });
  }
}

function beatRow({ nodeId, sessionId, skewMs, observedGeneration, sample }: Beat) {
  return {
    node_id: nodeId,
    session_id: sessionId,
    skew: skewMs,
    observed: observedGeneration,
    ...(sample && { sample: toSampleRow(sample) }),
  };
}

/** What is other than it was when the agent connected before. */
async function tellDifferences(
  tx: Transaction<unknown>,
  { id, name }: { readonly id: string; readonly name: string },
  { earlier_boot: boot, earlier_version: agentVersion }: Earlier,
  session: AgentSession,
): Promise<void> {
  const object = { kind: 'node', id } as const;
  if (boot !== null && boot !== session.bootId) {
    const payload = { name, bootId: session.bootId };
    await appendEvent(tx, { type: 'node.started', object, payload });
  }
  if (agentVersion !== null && agentVersion !== session.agentVersion) {
    const payload = { name, from: agentVersion, to: session.agentVersion };
    await appendEvent(tx, { type: 'node.agent-replaced', object, payload });
  }
}
