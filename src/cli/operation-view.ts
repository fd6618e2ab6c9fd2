import type { OperationRecord } from '../contract/schemas/operation.js';
import type { Column } from './table.js';

import { formatAge } from './format.js';
import { fields } from './table.js';

export const operationColumns: readonly Column<OperationRecord>[] = [
  { title: 'ID', value: (operation) => operation.id },
  { title: 'KIND', value: (operation) => operation.kind },
  { title: 'STATUS', value: (operation) => operation.status },
  { title: 'NODE', value: (operation) => operation.node?.name ?? '' },
  { title: 'AGE', value: (operation) => formatAge(operation.createdAt) },
];

/** All that is known of one operation, a line each. */
export function describeOperation(operation: OperationRecord): string {
  const { progress, error } = operation;
  const share = progress?.totalBytes
    ? `${Math.floor((progress.doneBytes / progress.totalBytes) * 100)} %`
    : '';
  return fields([
    ['Operation', operation.id],
    ['Kind', operation.kind],
    ['Status', operation.status],
    ['Node', operation.node && `${operation.node.name} (${operation.node.id})`],
    ['Progress', operation.endedAt ? undefined : progress && `${progress.phase} ${share}`],
    ['Failure', error && `${error.message} (${error.code})`],
    ['Next', error?.hint],
    ['Asked by', operation.subject],
    ['Created', operation.createdAt],
    ['Ended', operation.endedAt],
  ]);
}
