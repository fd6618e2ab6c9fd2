import { type Kysely, sql } from 'kysely';

import type { AuditEntry, AuditRecord } from '../../types/models/audit.js';

/** No call takes this long: what is still pending then could not be entered when it ended. */
const ABANDONED = '1 hour';

interface AuditFilter {
  readonly member?: string;
  /** Exact, or a prefix ending in `*`. */
  readonly operation?: string;
  readonly object?: string;
  /** `ok`, `failed` for all others, or a code. */
  readonly outcome?: string;
  readonly since?: string;
  readonly until?: string;
  /** Entries before this one. */
  readonly before?: number;
  readonly limit: number;
}

interface AuditRow {
  readonly seq: string;
  readonly entry: string;
  readonly previous_hash: Buffer;
  readonly hash: Buffer;
}

/** The audit log: appended to, read, and cut at its old end by retention. */
export class AuditRepository {
  readonly #db: Kysely<unknown>;
  readonly #daemonId: string;

  constructor(db: Kysely<unknown>, daemonId: string) {
    this.#db = db;
    this.#daemonId = daemonId;
  }

  async begin(id: string, entry: AuditEntry): Promise<void> {
    await sql`insert into audit_pending (id, daemon_id, entry)
      values (${id}, ${this.#daemonId}, ${JSON.stringify(entry)})`.execute(this.#db);
  }

  async append(entry: AuditEntry, pending?: string): Promise<void> {
    await sql`select append_audit(${JSON.stringify(entry)}, ${pending ?? null}::uuid)`.execute(
      this.#db,
    );
  }

  /** Enters what daemons that are no more have begun and not finished. Answers how many. */
  async adopt(alive: readonly string[]): Promise<number> {
    const { rows } = await sql<{ seq: string | null }>`
      select append_audit(entry, id) as seq from audit_pending
      where not (daemon_id::text = any(${alive})) or created_at < now() - ${ABANDONED}::interval
      order by created_at`.execute(this.#db);
    return rows.filter(({ seq }) => seq !== null).length;
  }

  /** Newest first. */
  async list(filter: AuditFilter): Promise<readonly AuditRecord[]> {
    const prefix = filter.operation?.endsWith('*') ? filter.operation.slice(0, -1) : null;
    const operation = prefix === null ? (filter.operation ?? null) : null;
    const outcome = filter.outcome ?? null;
    const { rows } = await sql<AuditRow>`
      select seq, entry, previous_hash, hash from audit_log
      where (${filter.member ?? null}::text is null or member_id = ${filter.member ?? null})
        and (${operation}::text is null or operation = ${operation})
        and (${prefix}::text is null or starts_with(operation, ${prefix}))
        and (${filter.object ?? null}::text is null or object_ref = ${filter.object ?? null})
        and (${outcome}::text is null or outcome = ${outcome} or (${outcome} = 'failed' and outcome <> 'ok'))
        and (${filter.since ?? null}::timestamptz is null or at >= ${filter.since ?? null}::timestamptz)
        and (${filter.until ?? null}::timestamptz is null or at < ${filter.until ?? null}::timestamptz)
        and (${filter.before ?? null}::bigint is null or seq < ${filter.before ?? null})
      order by seq desc
      limit ${filter.limit}`.execute(this.#db);
    return rows.map(toRecord);
  }

  /** Oldest first, from this number on. */
  async from(seq: number, limit: number): Promise<readonly AuditRecord[]> {
    const { rows } = await sql<AuditRow>`
      select seq, entry, previous_hash, hash from audit_log where seq >= ${seq} order by seq limit ${limit}`.execute(
      this.#db,
    );
    return rows.map(toRecord);
  }

  /** The last entry that is no longer kept, where the chain begins. */
  async anchor(): Promise<{ readonly seq: number; readonly hash: string }> {
    const { rows } = await sql<{ seq: string; hash: Buffer }>`
      select seq, hash from audit_anchor`.execute(this.#db);
    const [row] = rows;
    return { seq: Number(row?.seq ?? 0), hash: row?.hash.toString('hex') ?? '' };
  }

  async prune(maxAgeDays: number): Promise<void> {
    await sql`select prune_audit(make_interval(days => ${maxAgeDays}))`.execute(this.#db);
  }
}

function toRecord(row: AuditRow): AuditRecord {
  return {
    seq: Number(row.seq),
    entry: row.entry,
    previousHash: row.previous_hash.toString('hex'),
    hash: row.hash.toString('hex'),
  };
}
