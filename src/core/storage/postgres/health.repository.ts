import type { Pool } from 'pg';

import type { ContainerStatus } from '../../types/models/container.js';
import type { NodeStatus } from '../../types/models/node.js';
import type { Sample } from '../../types/models/sample.js';

import {
  LATEST_WITHIN_SECONDS,
  sampleColumnNames,
  type SampleRow,
  toSample,
} from './sample.rows.js';

/** How long ago a node was heard of, and how it fared if that was just now. */
export interface NodeVitals {
  readonly id: string;
  readonly ageSeconds: number;
  readonly sample?: Sample;
}

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

  /** How many containers have which status, of those that are not removed. */
  async containerStatuses(): Promise<readonly { status: ContainerStatus; count: number }[]> {
    const { rows } = await this.#ask<{ status: ContainerStatus; count: number }>(
      "select status, count(*)::int as count from containers where removed_at is null or status = 'removing' group by status order by status",
    );
    return rows;
  }

  /**
   * When nodes were last heard of, and how those fare that have told of it lately, up to a limit. By the database's clock, as what is
   * stored.
   */
  async nodeSamples(limit: number): Promise<readonly NodeVitals[]> {
    const { rows } = await this.#ask<Partial<SampleRow> & { node_id: string; age: number }>(
      `select a.id as node_id, a.age, s.* from (
         select n.id, extract(epoch from now() - g.last_seen_at)::float8 as age
         from nodes n join node_agents g on g.node_id = n.id
         where n.status <> 'retired' and g.last_seen_at is not null order by n.id limit $1) a
       left join lateral (
         select at, ${sampleColumnNames} from node_samples
         where node_id = a.id and at > now() - interval '${LATEST_WITHIN_SECONDS} seconds'
         order by at desc limit 1) s on true`,
      [limit],
    );
    return rows.map(({ node_id, age, at, ...row }) => ({
      id: node_id,
      ageSeconds: Math.max(0, age),
      ...(at ? { sample: toSample({ at, ...row }) } : {}),
    }));
  }

  #ask<Row extends object>(text: string, values: readonly unknown[] = []) {
    // The driver gives up on the connection then, and the pool makes another.
    const query = { text, values: [...values], query_timeout: this.#timeoutMs };
    return this.#pool.query<Row>(query);
  }
}
