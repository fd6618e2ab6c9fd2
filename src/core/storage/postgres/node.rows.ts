import { sql } from 'kysely';

import type { Node, NodeStatus, Provisioning } from '../../types/models/node.js';

/** What is selected or returned of `nodes`: every column, and the name of the owner. */
export const nodeColumns = sql.raw(
  '*, (select m.name from members m where m.id = nodes.owner_id) as owner_name',
);

/** A row of `nodes` with `nodeColumns`. */
export interface NodeRow {
  readonly id: string;
  readonly name: string;
  readonly owner_id: string;
  readonly owner_name: string;
  readonly status: NodeStatus;
  readonly failure_reason: string | null;
  readonly status_since: Date;
  readonly description: string | null;
  readonly labels: Record<string, string>;
  readonly former_name: string | null;
  readonly provisioning: Provisioning | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  /** bigint, which arrives as text. */
  readonly version: string;
}

export function toNode(row: NodeRow): Node {
  return {
    id: row.id,
    name: row.name,
    owner: { id: row.owner_id, name: row.owner_name },
    status: row.status,
    statusSince: row.status_since,
    labels: row.labels,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    version: Number(row.version),
    ...(row.failure_reason === null ? {} : { statusReason: row.failure_reason }),
    ...(row.description === null ? {} : { description: row.description }),
    ...(row.former_name === null ? {} : { formerName: row.former_name }),
    ...(row.provisioning === null ? {} : { provisioning: row.provisioning }),
  };
}
