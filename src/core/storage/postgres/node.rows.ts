import { sql } from 'kysely';

import type {
  Approval,
  Capacity,
  NodeAgent,
  NodeProblem,
  Offer,
} from '../../types/models/agent.js';
import type { NodeEngine } from '../../types/models/container.js';
import type { Node, NodeStatus, Provisioning } from '../../types/models/node.js';

/** What is selected or returned of `nodes`, with the name of the owner, and its agent. Not its hardware, which only the question for one node needs. */
export const nodeColumns =
  sql.raw(`id, name, owner_id, status, failure_reason, status_since, description, location, offer, drained_at, drain_reason,
  labels, former_name, provisioning, created_at, updated_at, version,
  (select m.name from members m where m.id = nodes.owner_id) as owner_name,
  (select jsonb_build_object('approval', a.approval, 'joinedAt', a.joined_at, 'version', a.agent_version, 'wantedVersion', a.wanted_version, 'bootId', a.boot_id,
     'source', a.source, 'connectedAt', case when a.session_id is not null then a.connected_at end, 'lastSeenAt', a.last_seen_at,
     'clockSkewMs', a.clock_skew_ms, 'generation', a.generation, 'observedGeneration', a.observed_generation, 'capacity', a.capacity, 'problems', a.problems,
     'engine', a.engine, 'engineProblem', a.engine_problem)
   from node_agents a where a.node_id = nodes.id) as agent`);

/** A row of `nodes` with `nodeColumns`. */
export interface NodeRow {
  readonly id: string;
  readonly name: string;
  readonly owner_id: string;
  readonly owner_name: string;
  readonly status: NodeStatus;
  readonly failure_reason: string | null;
  readonly status_since: Date;
  readonly description: string | null;
  readonly location: string | null;
  readonly offer: Offer | null;
  readonly drained_at: Date | null;
  readonly drain_reason: string | null;
  readonly labels: Record<string, string>;
  readonly former_name: string | null;
  readonly provisioning: Provisioning | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly agent: AgentJson | null;
  /** bigint, which arrives as text. */
  readonly version: string;
}

/** As `nodeColumns` makes it: times are text, and what is not known is null. */
interface AgentJson {
  readonly approval: Approval;
  readonly joinedAt: string;
  readonly version: string | null;
  readonly wantedVersion: string | null;
  readonly bootId: string | null;
  readonly source: string | null;
  readonly connectedAt: string | null;
  readonly lastSeenAt: string | null;
  readonly clockSkewMs: number | null;
  readonly generation: number;
  readonly observedGeneration: number;
  readonly capacity: Capacity | null;
  readonly problems: readonly NodeProblem[];
  readonly engine: NodeEngine | null;
  readonly engineProblem: string | null;
}

export function toNode(row: NodeRow): Node {
  return {
    id: row.id,
    name: row.name,
    owner: { id: row.owner_id, name: row.owner_name },
    status: row.status,
    statusSince: row.status_since,
    labels: row.labels,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    version: Number(row.version),
    ...(row.failure_reason === null ? {} : { statusReason: row.failure_reason }),
    ...(row.description === null ? {} : { description: row.description }),
    ...(row.location === null ? {} : { location: row.location }),
    ...(row.offer === null ? {} : { offer: row.offer }),
    ...(row.drained_at === null ? {} : { drained: drainOf(row.drained_at, row.drain_reason) }),
    ...(row.former_name === null ? {} : { formerName: row.former_name }),
    ...(row.provisioning === null ? {} : { provisioning: row.provisioning }),
    ...(row.agent === null ? {} : { agent: toAgent(row.agent) }),
  };
}

function drainOf(since: Date, reason: string | null) {
  return { since, ...(reason === null ? {} : { reason }) };
}

function toAgent(agent: AgentJson): NodeAgent {
  const { approval, version, bootId, source, clockSkewMs, generation, observedGeneration } = agent;
  const { wantedVersion } = agent;
  return {
    approval,
    joinedAt: new Date(agent.joinedAt),
    ...(version === null ? {} : { version }),
    ...(wantedVersion === null ? {} : { wantedVersion }),
    ...(bootId === null ? {} : { bootId }),
    ...(source === null ? {} : { source }),
    ...(agent.connectedAt === null ? {} : { connectedAt: new Date(agent.connectedAt) }),
    ...(agent.lastSeenAt === null ? {} : { lastSeenAt: new Date(agent.lastSeenAt) }),
    ...(clockSkewMs === null ? {} : { clockSkewMs }),
    generation,
    observedGeneration,
    ...(agent.capacity === null ? {} : { capacity: agent.capacity }),
    problems: agent.problems,
    ...(agent.engine === null ? {} : { engine: agent.engine }),
    ...(agent.engineProblem === null ? {} : { engineProblem: agent.engineProblem }),
  };
}
