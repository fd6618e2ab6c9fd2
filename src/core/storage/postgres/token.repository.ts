import { type Kysely, sql } from 'kysely';

import type { TokenFilter, TokenStore } from '../../services/cooperative/member.ports.js';
import type { AccessToken } from '../../types/models/member.js';

import { AppError } from '../../types/errors/app-error.js';
import { isUniqueViolation } from './database-errors.js';
import { appendEvent } from './event.repository.js';
import { splitPosition } from './page-position.js';

/** Of one member, that are good at once. */
const MAX_LIVING = 100;

interface TokenRow {
  readonly id: string;
  readonly name: string;
  readonly member_id: string;
  readonly member_name: string;
  readonly scopes: readonly string[];
  readonly created_at: Date;
  readonly expires_at: Date;
  readonly last_used_at: Date | null;
  readonly revoked_at: Date | null;
}

/** Personal access tokens, without their secrets. */
export class TokenRepository implements TokenStore {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    this.#db = db;
  }

  async list(filter: TokenFilter): Promise<readonly AccessToken[]> {
    const after = filter.after === undefined ? undefined : splitPosition(filter.after);
    const { rows } = await sql<TokenRow>`
      select t.*, m.name as member_name from access_tokens t join members m on m.id = t.member_id
      where (${filter.memberId ?? null}::uuid is null or t.member_id = ${filter.memberId ?? null})
        and (${filter.all} or (t.revoked_at is null and t.expires_at > ${filter.now}))
        and (${after?.at ?? null}::timestamptz is null
             or (date_trunc('milliseconds', t.created_at), t.id) < (${after?.at ?? null}::timestamptz, ${after?.id ?? null}::uuid))
      order by date_trunc('milliseconds', t.created_at) desc, t.id desc
      limit ${filter.limit}`.execute(this.#db);
    return rows.map(toToken);
  }

  async find(id: string): Promise<AccessToken | undefined> {
    const { rows } = await select(this.#db, id);
    return rows[0] && toToken(rows[0]);
  }

  async create(token: Parameters<TokenStore['create']>[0]): Promise<AccessToken> {
    return this.#db.transaction().execute(async (tx) => {
      // One member's tokens are counted and made one after the other.
      await sql`select from members where id = ${token.member.id} for update`.execute(tx);
      const { rows: living } = await sql<{ count: string }>`
        select count(*) from access_tokens
        where member_id = ${token.member.id} and revoked_at is null and expires_at > ${token.createdAt}`.execute(
        tx,
      );
      if (Number(living[0]?.count) >= MAX_LIVING) {
        throw new AppError(
          'LIMIT_REACHED',
          `${token.member.name} has ${MAX_LIVING} tokens already.`,
        );
      }
      // An expired one gives its name up.
      await sql`update access_tokens set revoked_at = expires_at
        where member_id = ${token.member.id} and revoked_at is null and expires_at <= ${token.createdAt}`.execute(
        tx,
      );
      try {
        await sql`
          insert into access_tokens (id, member_id, name, secret_hash, scopes, created_at, expires_at)
          values (${token.id}, ${token.member.id}, ${token.name}, ${Buffer.from(token.hash)}, ${[...token.scopes]},
                  ${token.createdAt}, ${token.expiresAt})`.execute(tx);
      } catch (error) {
        if (!isUniqueViolation(error)) throw error;
        throw new AppError('TOKEN_NAME_TAKEN', `There is a token "${token.name}" already.`, {
          name: token.name,
        });
      }
      return announced(tx, token.id, 'token.created');
    });
  }

  async revoke(id: string, now: Date): Promise<AccessToken> {
    return this.#db.transaction().execute(async (tx) => {
      const { numAffectedRows } = await sql`
        update access_tokens set revoked_at = ${now} where id = ${id} and revoked_at is null`.execute(
        tx,
      );
      if (numAffectedRows === 1n) return announced(tx, id, 'token.revoked');
      return toToken(requireRow((await select(tx, id)).rows[0], id));
    });
  }
}

function select(db: Kysely<unknown>, id: string) {
  return sql<TokenRow>`
    select t.*, m.name as member_name from access_tokens t join members m on m.id = t.member_id
    where t.id = ${id}`.execute(db);
}

async function announced(
  tx: Kysely<unknown>,
  id: string,
  type: 'token.created' | 'token.revoked',
): Promise<AccessToken> {
  const row = requireRow((await select(tx, id)).rows[0], id);
  await appendEvent(tx, {
    type,
    object: { kind: 'token', id },
    payload: { name: row.name },
    memberId: row.member_id,
  });
  return toToken(row);
}

function requireRow(row: TokenRow | undefined, id: string): TokenRow {
  if (row) return row;
  throw new AppError('TOKEN_NOT_FOUND', `There is no token ${id}.`, { token: id });
}

function toToken(row: TokenRow): AccessToken {
  return {
    id: row.id,
    name: row.name,
    member: { id: row.member_id, name: row.member_name },
    scopes: row.scopes,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    ...(row.last_used_at === null ? {} : { lastUsedAt: row.last_used_at }),
    ...(row.revoked_at === null ? {} : { revokedAt: row.revoked_at }),
  };
}
