import { type Kysely, sql } from 'kysely';

import { AppError } from '../../types/errors/app-error.js';

/** An answer is kept this long. */
const KEEP = '24 hours';
/** A daemon that has not said so for this long is taken for dead; what it began will not end, and its keys are free again. */
const DEAD_AFTER = '30 seconds';
/** No call takes this long: the answer of one that still runs could not be kept. */
const ABANDONED = '1 hour';

interface Claim {
  readonly subject: string;
  readonly key: string;
  readonly operation: string;
  readonly requestHash: Buffer;
}

interface KeyRow {
  readonly request_hash: Buffer;
  readonly response: unknown;
  readonly completed_at: Date | null;
}

/** Keys that make a repeated call happen once. Shared by all replicas: the primary key decides who is first. */
export class IdempotencyRepository {
  readonly #db: Kysely<unknown>;
  readonly #daemonId: string;

  /** @param daemonId - noted with each call, so that the keys of a crashed daemon are known. */
  constructor(db: Kysely<unknown>, daemonId: string) {
    this.#db = db;
    this.#daemonId = daemonId;
  }

  /** Frees what this daemon had begun before it was started again. */
  async releaseOwn(): Promise<void> {
    await sql`delete from idempotency_keys
      where daemon_id = ${this.#daemonId} and completed_at is null`.execute(this.#db);
  }

  /** @throws {AppError} IDEMPOTENCY_MISMATCH, IDEMPOTENCY_IN_PROGRESS. */
  async claim(claim: Claim): Promise<{ kind: 'claimed' } | { kind: 'done'; response: unknown }> {
    const { subject, key, operation, requestHash } = claim;
    const { rows } = await sql<{ key: string }>`
      insert into idempotency_keys (subject, key, operation, request_hash, daemon_id, expires_at)
      values (${subject}, ${key}, ${operation}, ${requestHash}, ${this.#daemonId}, now() + ${KEEP}::interval)
      on conflict (subject, key) do update
        set operation = excluded.operation, request_hash = excluded.request_hash, response = null,
            completed_at = null, created_at = now(), expires_at = excluded.expires_at, daemon_id = excluded.daemon_id
        where idempotency_keys.expires_at < now()
           or (idempotency_keys.completed_at is null
               and (idempotency_keys.created_at < now() - ${ABANDONED}::interval
                    or not exists (select from daemons d where d.id = idempotency_keys.daemon_id
                                   and d.heartbeat_at > now() - ${DEAD_AFTER}::interval)))
      returning key`.execute(this.#db);
    if (rows.length > 0) return { kind: 'claimed' };
    return this.#earlier(claim);
  }

  async complete(
    { subject, key }: { subject: string; key: string },
    response: unknown,
  ): Promise<void> {
    await sql`update idempotency_keys set response = ${JSON.stringify(response)}::jsonb, completed_at = now()
      where subject = ${subject} and key = ${key} and daemon_id = ${this.#daemonId}`.execute(
      this.#db,
    );
  }

  async release({ subject, key }: { subject: string; key: string }): Promise<void> {
    await sql`delete from idempotency_keys
      where subject = ${subject} and key = ${key} and daemon_id = ${this.#daemonId} and completed_at is null`.execute(
      this.#db,
    );
  }

  async prune(): Promise<void> {
    await sql`delete from idempotency_keys where expires_at < now()`.execute(this.#db);
  }

  async #earlier({
    subject,
    key,
    requestHash,
  }: Claim): Promise<{ kind: 'done'; response: unknown }> {
    const { rows } = await sql<KeyRow>`
      select request_hash, response, completed_at from idempotency_keys
      where subject = ${subject} and key = ${key}`.execute(this.#db);
    const row = rows[0];
    if (row && !row.request_hash.equals(requestHash)) {
      throw new AppError(
        'IDEMPOTENCY_MISMATCH',
        'This idempotency key was used for another request.',
      );
    }
    if (row?.completed_at) return { kind: 'done', response: row.response };
    throw new AppError('IDEMPOTENCY_IN_PROGRESS', 'The first request with this key still runs.');
  }
}
