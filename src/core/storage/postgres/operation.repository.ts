import { type Kysely, sql } from 'kysely';

import type { OperationRecord, OperationStatus } from '../../types/models/operation.js';

import { appendEvent } from './event.repository.js';
import { type OperationRow, toOperation } from './operation.rows.js';
import { splitPosition } from './page-position.js';

interface OperationFilter {
  readonly status?: OperationStatus;
  /** Id or name of a node, or the name it had when the operation began. */
  readonly node?: string;
  /** Only those of this member. */
  readonly memberId?: string;
  /** `<created at>|<id>` of the last row of the page before. */
  readonly after?: string;
  readonly limit: number;
}

/** Operations, read and marked. They begin and end in the transactions of what they work on. */
export class OperationRepository {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    this.#db = db;
  }

  /** Newest first; ids break ties, so that pages neither repeat nor skip. */
  async list(filter: OperationFilter): Promise<readonly OperationRecord[]> {
    const after = filter.after === undefined ? undefined : splitPosition(filter.after);
    const { rows } = await sql<OperationRow>`
      select * from operations
      where (${filter.status ?? null}::text is null or status = ${filter.status ?? null})
        and (${filter.node ?? null}::text is null or node_id::text = ${filter.node ?? null}
             or node_name = ${filter.node ?? null})
        and (${filter.memberId ?? null}::uuid is null or member_id = ${filter.memberId ?? null})
        and (${after?.at ?? null}::timestamptz is null
             or (date_trunc('milliseconds', created_at), id) < (${after?.at ?? null}::timestamptz, ${after?.id ?? null}::uuid))
      order by date_trunc('milliseconds', created_at) desc, id desc
      limit ${filter.limit}`.execute(this.#db);
    return rows.map(toOperation);
  }

  async find(id: string): Promise<OperationRecord | undefined> {
    const { rows } = await sql<OperationRow>`
      select * from operations where id = ${id}`.execute(this.#db);
    return rows[0] && toOperation(rows[0]);
  }

  /** Notes the wish; whoever runs the operation obeys it. Undefined when it has ended or does not exist. */
  async requestCancel(id: string, now: Date): Promise<OperationRecord | undefined> {
    return this.#db.transaction().execute(async (tx) => {
      const { rows } = await sql<OperationRow>`
        update operations set cancel_requested_at = coalesce(cancel_requested_at, ${now}), updated_at = ${now}
        where id = ${id} and ended_at is null
        returning *`.execute(tx);
      const [row] = rows;
      if (!row) return undefined;
      await appendEvent(tx, {
        type: 'operation.cancel-requested',
        object: { kind: 'operation', id },
        payload: {},
        memberId: row.member_id,
      });
      return toOperation(row);
    });
  }

  /** Those that a daemon runs and was asked to stop. */
  async toCancel(daemonId: string): Promise<readonly string[]> {
    const { rows } = await sql<{ id: string }>`
      select id from operations
      where ended_at is null and daemon_id = ${daemonId} and cancel_requested_at is not null`.execute(
      this.#db,
    );
    return rows.map(({ id }) => id);
  }
}
