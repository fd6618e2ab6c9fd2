import type {
  OperationProgress,
  OperationRecord,
  OperationStatus,
  StoredFailure,
} from '../../types/models/operation.js';

/** A row of `operations`, as `select *` gives it. */
export interface OperationRow {
  readonly id: string;
  readonly kind: string;
  readonly status: OperationStatus;
  readonly subject: string;
  readonly member_id: string;
  readonly node_id: string | null;
  readonly node_name: string | null;
  readonly progress: OperationProgress | null;
  readonly result: Record<string, unknown> | null;
  readonly error: StoredFailure | null;
  readonly cancel_requested_at: Date | null;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly ended_at: Date | null;
}

export function toOperation(row: OperationRow): OperationRecord {
  return {
    id: row.id,
    kind: row.kind,
    status: row.status,
    subject: row.subject,
    memberId: row.member_id,
    createdAt: row.created_at,
    ...(row.node_id === null || row.node_name === null
      ? {}
      : { node: { id: row.node_id, name: row.node_name } }),
    ...(row.progress === null ? {} : { progress: row.progress }),
    ...(row.result === null ? {} : { result: row.result }),
    ...(row.error === null ? {} : { error: row.error }),
    ...(row.cancel_requested_at === null ? {} : { cancelRequestedAt: row.cancel_requested_at }),
    ...(row.started_at === null ? {} : { startedAt: row.started_at }),
    ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
  };
}
