import { Type } from 'typebox';

import { operation } from '../operation.js';
import { Input, PageCursor, PageLimit, Ref, Uuid } from '../schemas/common.js';
import { OperationRecord, OperationStatus } from '../schemas/operation.js';

export const listOperations = operation({
  id: 'operations.list',
  kind: 'query',
  summary: 'List operations, newest first.',
  permission: 'operations:read',
  http: ['GET', '/v1/operations'],
  input: Input({
    status: Type.Optional(OperationStatus),
    node: Type.Optional(Ref),
    cursor: Type.Optional(PageCursor),
    limit: Type.Optional(PageLimit),
  }),
  output: Type.Object({
    operations: Type.Array(OperationRecord),
    nextCursor: Type.Optional(PageCursor),
  }),
  errors: ['INPUT_INVALID', 'NODE_NOT_FOUND'],
});

export const getOperation = operation({
  id: 'operations.get',
  kind: 'query',
  summary: 'One operation.',
  permission: 'operations:read',
  http: ['GET', '/v1/operations/:operation'],
  object: { kind: 'operation', field: 'operation' },
  input: Input({ operation: Uuid }),
  output: OperationRecord,
  errors: ['OPERATION_NOT_FOUND'],
});

export const cancelOperation = operation({
  id: 'operations.cancel',
  kind: 'mutation',
  summary: 'Ask a running operation to stop. It answers at once; the operation ends shortly after.',
  permission: 'operations:write',
  http: ['POST', '/v1/operations/:operation/cancel'],
  object: { kind: 'operation', field: 'operation' },
  input: Input({ operation: Uuid }),
  output: OperationRecord,
  errors: ['OPERATION_NOT_FOUND', 'OPERATION_ENDED'],
  idempotent: true,
});
