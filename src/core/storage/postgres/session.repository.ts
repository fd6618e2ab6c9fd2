import { type Kysely, sql, type Transaction } from 'kysely';

import type {
  Credentials,
  NewSession,
  Rotation,
  SessionStore,
} from '../../services/cooperative/session.ports.js';
import type { MemberStatus } from '../../types/models/member.js';

import { appendEvent } from './event.repository.js';

interface CredentialsRow {
  readonly id: string;
  readonly name: string;
  readonly status: MemberStatus;
  readonly roles: readonly string[];
  readonly password_hash: string | null;
}

/** Sessions, their refresh tokens, and the invitations that begin them. */
export class SessionRepository implements SessionStore {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    this.#db = db;
  }

  async credentials(name: string): Promise<Credentials | undefined> {
    const { rows } = await sql<CredentialsRow>`
      select id, name, status, roles, password_hash from members where name = ${name}`.execute(
      this.#db,
    );
    return rows[0] && toCredentials(rows[0]);
  }

  async open(memberId: string, session: NewSession): Promise<void> {
    await this.#db.transaction().execute((tx) => insertSession(tx, memberId, session));
  }

  async redeem(
    invitationHash: Uint8Array,
    passwordHash: string,
    session: NewSession,
  ): Promise<Credentials | undefined> {
    return this.#db.transaction().execute(async (tx) => {
      const now = session.createdAt;
      const { rows: used } = await sql<{ member_id: string }>`
        update invitations set used_at = ${now}
        where secret_hash = ${Buffer.from(invitationHash)} and used_at is null and expires_at > ${now}
        returning member_id`.execute(tx);
      const [invitation] = used;
      if (!invitation) return undefined;
      const { rows } = await sql<CredentialsRow>`
        update members set password_hash = ${passwordHash}, status = 'active', updated_at = ${now}, version = version + 1
        where id = ${invitation.member_id} and status in ('invited', 'active')
        returning id, name, status, roles, password_hash`.execute(tx);
      const [member] = rows;
      if (!member) return undefined;
      // A new password is often the answer to a lost one.
      await endSessions(tx, member.id, 'password changed', now);
      await insertSession(tx, member.id, session);
      await appendEvent(tx, {
        type: 'member.updated',
        object: { kind: 'member', id: member.id },
        payload: { name: member.name, status: member.status, roles: member.roles },
        memberId: member.id,
      });
      return toCredentials(member);
    });
  }

  async rotate(
    refreshHash: Uint8Array,
    next: { readonly refreshHash: Uint8Array; readonly expiresAt: Date; readonly now: Date },
  ): Promise<Rotation> {
    return this.#db.transaction().execute(async (tx) => {
      const hash = Buffer.from(refreshHash);
      const { rows } = await sql<RefreshRow>`
        select t.used_at, s.id as session_id, s.ended_at, s.expires_at,
               m.id, m.name, m.status, m.roles, m.password_hash
        from refresh_tokens t join sessions s on s.id = t.session_id join members m on m.id = s.member_id
        where t.secret_hash = ${hash} for update of t, s`.execute(tx);
      const [row] = rows;
      if (!row) return { kind: 'ended' };
      const { session_id: sessionId } = row;
      if (row.used_at) {
        await endOne(tx, sessionId, row.id, 'refresh token reused', next.now);
        return { kind: 'reused', member: { id: row.id, name: row.name } };
      }
      if (row.ended_at || row.expires_at <= next.now || row.status !== 'active') {
        return { kind: 'ended' };
      }
      await sql`update refresh_tokens set used_at = ${next.now} where secret_hash = ${hash}`.execute(
        tx,
      );
      await sql`insert into refresh_tokens (secret_hash, session_id, created_at)
        values (${Buffer.from(next.refreshHash)}, ${sessionId}, ${next.now})`.execute(tx);
      await sql`update sessions set last_used_at = ${next.now}, expires_at = ${next.expiresAt}
        where id = ${sessionId}`.execute(tx);
      return { kind: 'rotated', sessionId, member: toCredentials(row) };
    });
  }

  async end(sessionId: string, reason: string, now: Date): Promise<boolean> {
    return this.#db.transaction().execute(async (tx) => {
      const { rows } = await sql<{ member_id: string }>`
        select member_id from sessions where id = ${sessionId} and ended_at is null for update`.execute(
        tx,
      );
      const [session] = rows;
      if (!session) return false;
      await endOne(tx, sessionId, session.member_id, reason, now);
      return true;
    });
  }

  /** Forgets sessions that ended or expired this long ago, their refresh tokens with them. */
  async prune(keepDays: number): Promise<void> {
    await sql`delete from sessions
      where coalesce(ended_at, expires_at) < now() - make_interval(days => ${keepDays})`.execute(
      this.#db,
    );
    await sql`delete from invitations where expires_at < now() - make_interval(days => ${keepDays})`.execute(
      this.#db,
    );
  }
}

interface RefreshRow extends CredentialsRow {
  readonly used_at: Date | null;
  readonly session_id: string;
  readonly ended_at: Date | null;
  readonly expires_at: Date;
}

/** Ends every session and token of a member, in the caller's transaction. */
export async function endAccess(
  tx: Transaction<unknown>,
  memberId: string,
  reason: string,
  now: Date,
): Promise<void> {
  await endSessions(tx, memberId, reason, now);
  await sql`update access_tokens set revoked_at = ${now}
    where member_id = ${memberId} and revoked_at is null`.execute(tx);
}

async function endSessions(
  tx: Transaction<unknown>,
  memberId: string,
  reason: string,
  now: Date,
): Promise<void> {
  await sql`update sessions set ended_at = ${now}, ended_reason = ${reason}
    where member_id = ${memberId} and ended_at is null`.execute(tx);
}

async function endOne(
  tx: Transaction<unknown>,
  sessionId: string,
  memberId: string,
  reason: string,
  now: Date,
): Promise<void> {
  const { numAffectedRows } =
    await sql`update sessions set ended_at = ${now}, ended_reason = ${reason}
    where id = ${sessionId} and ended_at is null`.execute(tx);
  if (numAffectedRows !== 1n) return;
  await appendEvent(tx, {
    type: 'session.ended',
    object: { kind: 'session', id: sessionId },
    payload: { reason },
    memberId,
  });
}

async function insertSession(
  tx: Transaction<unknown>,
  memberId: string,
  session: NewSession,
): Promise<void> {
  await sql`
    insert into sessions (id, member_id, client, source, created_at, last_used_at, expires_at)
    values (${session.id}, ${memberId}, ${session.client ?? null}, ${session.source}, ${session.createdAt},
            ${session.createdAt}, ${session.expiresAt})`.execute(tx);
  await sql`insert into refresh_tokens (secret_hash, session_id, created_at)
    values (${Buffer.from(session.refreshHash)}, ${session.id}, ${session.createdAt})`.execute(tx);
  await sql`update members set last_seen_at = ${session.createdAt} where id = ${memberId}`.execute(
    tx,
  );
}

function toCredentials(row: CredentialsRow): Credentials {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    roles: row.roles,
    ...(row.password_hash === null ? {} : { passwordHash: row.password_hash }),
  };
}
