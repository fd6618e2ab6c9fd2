import { sql, type Transaction } from 'kysely';

import type { Redeemed, Redemption } from '../../services/node/agent.ports.js';
import type { Approval } from '../../types/models/agent.js';

import { AppError } from '../../types/errors/app-error.js';
import { selectAgent } from './agent.rows.js';
import { appendEvent } from './event.repository.js';
import { holdNode } from './node-lock.js';
import { moveNode } from './node-status.js';
import { nodeColumns, type NodeRow } from './node.rows.js';

const WAITS = 'It waits to be approved.';

interface TokenRow {
  readonly id: string;
  readonly node_id: string | null;
  readonly owner_id: string | null;
  readonly labels: Record<string, string>;
  readonly approval: 'auto' | 'manual';
  readonly uses_left: number;
  readonly expires_at: Date;
  readonly revoked_at: Date | null;
  readonly is_expired: boolean;
}

/**
 * Spends one use of a token and makes its node a joining one. The lock on the token's row lets fifty that come at once take turns.
 * @throws {AppError} as `AgentStore.redeem`.
 */
export async function redeemIn(
  tx: Transaction<unknown>,
  redemption: Redemption,
): Promise<Redeemed> {
  const token = await lockToken(tx, redemption.tokenHash);
  const { rows: known } = await selectAgent(
    tx,
    sql`a.identity_key = ${Buffer.from(redemption.identityKey)}`,
  );
  const [agent] = known;
  if (agent) {
    const node = { id: agent.node_id, name: agent.node_name };
    // The answer to the first time was lost on its way.
    if (agent.join_token_id === token.id) return { node, approval: agent.approval };
    throw new AppError('AGENT_JOINED', `This machine has joined as "${node.name}" already.`, {
      node: node.id,
    });
  }
  requireGood(token);
  if (token.node_id !== null) await holdNode(tx, token.node_id);
  const nodeId = token.node_id ?? (await makeNode(tx, redemption, token));
  const approval: Approval = token.approval === 'auto' ? 'approved' : 'pending';
  await sql`
    insert into node_agents (node_id, identity_key, wireguard_key, machine, approval, join_token_id, joined_at, agent_version)
    values (${nodeId}, ${Buffer.from(redemption.identityKey)}, ${Buffer.from(redemption.wireguardKey)},
            ${Buffer.from(redemption.machine)}, ${approval}, ${token.id}, now(), ${redemption.agentVersion})
    on conflict (node_id) do update set identity_key = excluded.identity_key, wireguard_key = excluded.wireguard_key,
      machine = excluded.machine, pending_machine = null, ailments = '{}', approval = excluded.approval, join_token_id = excluded.join_token_id,
      joined_at = excluded.joined_at, agent_version = excluded.agent_version, session_id = null, daemon_id = null,
      boot_id = null, connects = '{}', wanted_version = null, generation = node_agents.generation + 1`.execute(
    tx,
  );
  await sql`update join_tokens set uses_left = uses_left - 1, last_used_at = now() where id = ${token.id}`.execute(
    tx,
  );
  const row = await moveNode(tx, nodeId, 'join', { reason: approval === 'pending' ? WAITS : null });
  await appendEvent(tx, {
    type: 'node.joined',
    object: { kind: 'node', id: nodeId },
    payload: { name: row.name, approval },
  });
  return { node: { id: nodeId, name: row.name }, approval };
}

async function lockToken(tx: Transaction<unknown>, hash: Uint8Array): Promise<TokenRow> {
  const { rows } = await sql<TokenRow>`
    select *, expires_at <= now() as is_expired from join_tokens where token_hash = ${Buffer.from(hash)} for update`.execute(
    tx,
  );
  const [token] = rows;
  if (token) return token;
  throw new AppError('JOIN_TOKEN_INVALID', 'This daemon has given out no such join token.');
}

function requireGood(token: TokenRow): void {
  if (token.revoked_at) {
    throw new AppError('JOIN_TOKEN_REVOKED', 'This join token was revoked.', {
      revokedAt: token.revoked_at.toISOString(),
    });
  }
  if (token.uses_left < 1) throw new AppError('JOIN_TOKEN_SPENT', 'This join token was used.');
  if (token.is_expired) {
    throw new AppError('JOIN_TOKEN_EXPIRED', 'This join token is too old.', {
      expiredAt: token.expires_at.toISOString(),
    });
  }
}

async function makeNode(
  tx: Transaction<unknown>,
  { nodeId, name }: Redemption,
  token: TokenRow,
): Promise<string> {
  if (name === undefined) {
    throw new AppError('NAME_INVALID', 'This token makes a new node, which needs a name.');
  }
  const { rows: taken } = await sql`select from nodes where name = ${name}`.execute(tx);
  if (taken.length > 0) throw nameTaken(name);
  await sql<NodeRow>`
    insert into nodes (id, name, owner_id, status, labels)
    values (${nodeId}, ${name}, ${token.owner_id}, 'joining', ${JSON.stringify(token.labels)}::jsonb)
    returning ${nodeColumns}`.execute(tx);
  await appendEvent(tx, {
    type: 'node.created',
    object: { kind: 'node', id: nodeId },
    payload: { name, status: 'joining' },
  });
  return nodeId;
}

export function nameTaken(name: string): AppError {
  return new AppError('NODE_NAME_TAKEN', `There is a node "${name}" already.`, { name });
}
