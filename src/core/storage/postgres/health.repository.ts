import type { Pool } from 'pg';

import type { NodeStatus } from '../../types/models/node.js';

/** What probes and metrics read. Every question has a limit of its own: who asks for health has no time to wait for it. */
export class HealthRepository {
  readonly #pool: Pool;
  readonly #timeoutMs: number;

  constructor(pool: Pool, timeoutMs: number) {
    this.#pool = pool;
    this.#timeoutMs = timeoutMs;
  }

  /** The newest migration that was applied; that it answers shows that the database does. */
  async schemaVersion(): Promise<number> {
    const { rows } = await this.#ask<{ version: number | null }>(
      'select max(version) as version from schema_migrations',
    );
    return rows[0]?.version ?? 0;
  }

  /** Nodes that have not been deleted, up to a limit. */
  async nodeStatuses(limit: number): Promise<readonly { id: string; status: NodeStatus }[]> {
    const { rows } = await this.#ask<{ id: string; status: NodeStatus }>(
      "select id, status from nodes where status <> 'retired' order by id limit $1",
      [limit],
    );
    return rows;
  }

  #ask<Row extends object>(text: string, values: readonly unknown[] = []) {
    // The driver gives up on the connection then, and the pool makes another.
    const query = { text, values: [...values], query_timeout: this.#timeoutMs };
    return this.#pool.query<Row>(query);
  }
}
