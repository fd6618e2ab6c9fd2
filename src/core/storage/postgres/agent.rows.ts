import { type Kysely, sql } from 'kysely';

import type { Approval } from '../../types/models/agent.js';

import { HEARTBEAT_SECONDS, MISSED_HEARTBEATS } from '../../utils/node-life.js';

const LIVE_SECONDS = HEARTBEAT_SECONDS * MISSED_HEARTBEATS;

/** An agent with the name of its node. */
export interface AgentRow {
  readonly node_id: string;
  readonly node_name: string;
  readonly identity_key: Uint8Array;
  readonly machine: Uint8Array;
  readonly approval: Approval;
  readonly join_token_id: string | null;
  readonly is_live: boolean | null;
}

export function selectAgent(db: Kysely<unknown>, which: ReturnType<typeof sql>) {
  return sql<AgentRow>`
    select a.node_id, n.name as node_name, a.identity_key, a.machine, a.approval, a.join_token_id,
      a.session_id is not null and a.last_seen_at > now() - ${LIVE_SECONDS} * interval '1 second' as is_live
    from node_agents a join nodes n on n.id = a.node_id where ${which}`.execute(db);
}
