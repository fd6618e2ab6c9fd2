import { type Kysely, sql } from 'kysely';

import type { Role } from '../../types/models/member.js';

import { isPermission } from '../../types/constants/permissions.js';

interface MemberAccess {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
}

/** A member who may sign in, by what was shown. */
export interface SessionAccess extends MemberAccess {
  readonly kind: 'session';
}

export interface TokenAccess extends MemberAccess {
  readonly kind: 'token';
  readonly tokenId: string;
  readonly scopes: readonly string[];
  readonly expiresAt: Date;
}

/** What authentication asks at every call that its cache cannot answer: is this still good, and whose is it? */
export class AccessRepository {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    this.#db = db;
  }

  /** Of a session that has not ended, of an active member; undefined otherwise. */
  async bySession(
    sessionId: string,
    memberId: string,
    now: Date,
  ): Promise<SessionAccess | undefined> {
    const { rows } = await sql<MemberAccess>`
      select m.id, m.name, m.roles from sessions s join members m on m.id = s.member_id
      where s.id = ${sessionId} and m.id = ${memberId} and s.ended_at is null and s.expires_at > ${now} and m.status = 'active'`.execute(
      this.#db,
    );
    return rows[0] && { kind: 'session', ...rows[0] };
  }

  /** Of a personal access token that is good, of an active member; undefined otherwise. Notes that it was used, about once a minute. */
  async byToken(secretHash: Buffer, now: Date): Promise<TokenAccess | undefined> {
    const { rows } = await sql<TokenRow>`
      select m.id, m.name, m.roles, t.id as token_id, t.scopes, t.expires_at,
             coalesce(t.last_used_at < ${now}::timestamptz - interval '1 minute', true) as stale
      from access_tokens t join members m on m.id = t.member_id
      where t.secret_hash = ${secretHash} and t.revoked_at is null and t.expires_at > ${now} and m.status = 'active'`.execute(
      this.#db,
    );
    const [row] = rows;
    if (!row) return undefined;
    if (row.stale) {
      await sql`update access_tokens set last_used_at = ${now} where id = ${row.token_id}`.execute(
        this.#db,
      );
    }
    const { id, name, roles, token_id: tokenId, scopes, expires_at: expiresAt } = row;
    return { kind: 'token', id, name, roles, tokenId, scopes, expiresAt };
  }

  /** An active member, by id or name. */
  async byMember(ref: string): Promise<MemberAccess | undefined> {
    const { rows } = await sql<MemberAccess>`
      select id, name, roles from members
      where (id::text = ${ref} or name = ${ref}) and status = 'active'`.execute(this.#db);
    return rows[0];
  }

  async customRoles(): Promise<readonly Role[]> {
    const { rows } = await sql<{ name: string; summary: string; permissions: readonly string[] }>`
      select name, summary, permissions from roles`.execute(this.#db);
    return rows.map(({ permissions, ...role }) => ({
      ...role,
      permissions: permissions.filter(isPermission),
      builtIn: false,
    }));
  }
}

interface TokenRow extends MemberAccess {
  readonly token_id: string;
  readonly scopes: readonly string[];
  readonly expires_at: Date;
  readonly stale: boolean;
}
