import { type Kysely, sql } from 'kysely';

import type {
  NewNodeToken,
  NodeTokenFilter,
  NodeTokenStore,
} from '../../services/node/agent.ports.js';
import type { NodeToken } from '../../types/models/agent.js';

import { AppError } from '../../types/errors/app-error.js';
import { appendEvent } from './event.repository.js';
import { splitPosition } from './page-position.js';

/** Of one member, that are good at once; those on sticks are not counted. */
const MAX_LIVING = 1_000;

interface NodeTokenRow {
  readonly id: string;
  readonly node_id: string | null;
  readonly node_name: string | null;
  readonly owner_id: string;
  readonly owner_name: string;
  readonly labels: Record<string, string>;
  readonly approval: NodeToken['approval'];
  readonly max_uses: number;
  readonly uses_left: number;
  readonly created_by: string;
  readonly created_at: Date;
  readonly expires_at: Date;
  readonly last_used_at: Date | null;
  readonly revoked_at: Date | null;
}

/** Whoever owns the node of a stick owns its token, too. */
const tokens = sql.raw(`
  (select t.*, n.name as node_name, m.name as owner_name
   from (select t.*, coalesce(t.owner_id, (select n.owner_id from nodes n where n.id = t.node_id)) as whose from join_tokens t) t
   left join nodes n on n.id = t.node_id join members m on m.id = t.whose) t`);

/** Tokens that machines join with, without their secrets. */
export class NodeTokenRepository implements NodeTokenStore {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    this.#db = db;
  }

  async list(filter: NodeTokenFilter): Promise<readonly NodeToken[]> {
    const after = filter.after === undefined ? undefined : splitPosition(filter.after);
    const { rows } = await sql<NodeTokenRow>`
      select ${columns} from ${tokens}
      where (${filter.ownerId ?? null}::uuid is null or whose = ${filter.ownerId ?? null})
        and (${filter.all} or (revoked_at is null and expires_at > now() and uses_left > 0))
        and (${after?.at ?? null}::timestamptz is null
             or (date_trunc('milliseconds', created_at), id) < (${after?.at ?? null}::timestamptz, ${after?.id ?? null}::uuid))
      order by date_trunc('milliseconds', created_at) desc, id desc
      limit ${filter.limit}`.execute(this.#db);
    return rows.map(toNodeToken);
  }

  async find(id: string): Promise<NodeToken | undefined> {
    return findToken(this.#db, id);
  }

  async create(token: NewNodeToken): Promise<NodeToken> {
    return this.#db.transaction().execute(async (tx) => {
      // One member's tokens are counted and made one after the other.
      await sql`select from members where id = ${token.ownerId} for update`.execute(tx);
      const { rows: living } = await sql<{ count: string }>`
        select count(*) from join_tokens
        where owner_id = ${token.ownerId} and revoked_at is null and uses_left > 0 and expires_at > now()`.execute(
        tx,
      );
      if (Number(living[0]?.count) >= MAX_LIVING) {
        throw new AppError(
          'LIMIT_REACHED',
          `There are ${MAX_LIVING} tokens of this owner already.`,
        );
      }
      await sql`
        insert into join_tokens (id, token_hash, owner_id, labels, approval, reusable, max_uses, uses_left,
                                 expires_at, created_at, created_by)
        values (${token.id}, ${Buffer.from(token.hash)}, ${token.ownerId}, ${JSON.stringify(token.labels)}::jsonb,
                ${token.approval}, ${token.uses > 1}, ${token.uses}, ${token.uses},
                ${token.expiresAt}, ${token.createdAt}, ${token.createdBy})`.execute(tx);
      return announced(tx, token.id, 'node-token.created');
    });
  }

  async revoke(id: string, now: Date): Promise<NodeToken> {
    return this.#db.transaction().execute(async (tx) => {
      const { numAffectedRows } = await sql`
        update join_tokens set revoked_at = ${now} where id = ${id} and revoked_at is null`.execute(
        tx,
      );
      if (numAffectedRows === 1n) return announced(tx, id, 'node-token.revoked');
      return requireToken(await findToken(tx, id), id);
    });
  }
}

const columns = sql.raw(
  'id, node_id, node_name, whose as owner_id, owner_name, labels, approval, max_uses, uses_left, created_by, created_at, expires_at, last_used_at, revoked_at',
);

async function findToken(db: Kysely<unknown>, id: string): Promise<NodeToken | undefined> {
  const { rows } = await sql<NodeTokenRow>`
    select ${columns} from ${tokens} where id = ${id}`.execute(db);
  return rows[0] && toNodeToken(rows[0]);
}

async function announced(
  tx: Kysely<unknown>,
  id: string,
  type: 'node-token.created' | 'node-token.revoked',
): Promise<NodeToken> {
  const token = requireToken(await findToken(tx, id), id);
  await appendEvent(tx, {
    type,
    object: { kind: 'nodeToken', id },
    payload: { expiresAt: token.expiresAt, maxUses: token.maxUses },
    memberId: token.owner.id,
  });
  return token;
}

function requireToken(token: NodeToken | undefined, id: string): NodeToken {
  if (token) return token;
  throw new AppError('TOKEN_NOT_FOUND', `There is no node token ${id}.`, { token: id });
}

function toNodeToken(row: NodeTokenRow): NodeToken {
  return {
    id: row.id,
    ...(row.node_id === null ? {} : { node: { id: row.node_id, name: row.node_name ?? '' } }),
    owner: { id: row.owner_id, name: row.owner_name },
    labels: row.labels,
    approval: row.approval,
    maxUses: row.max_uses,
    usesLeft: row.uses_left,
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    ...(row.last_used_at === null ? {} : { lastUsedAt: row.last_used_at }),
    ...(row.revoked_at === null ? {} : { revokedAt: row.revoked_at }),
  };
}
