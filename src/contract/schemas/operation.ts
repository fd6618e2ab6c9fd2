import { type Static, Type } from 'typebox';

import { Bytes, NodeRef, Timestamp, Uuid } from './common.js';

export const OperationStatus = Type.Union([
  Type.Literal('pending'),
  Type.Literal('running'),
  Type.Literal('succeeded'),
  Type.Literal('failed'),
  Type.Literal('cancelled'),
  Type.Literal('interrupted'),
]);

export const Progress = Type.Object({
  phase: Type.String(),
  doneBytes: Bytes,
  totalBytes: Type.Optional(Bytes),
  bytesPerSecond: Type.Number(),
  etaSeconds: Type.Optional(Type.Number()),
});
export type Progress = Static<typeof Progress>;

/** A failure as it is kept and shown; the same fields as the CLI's error document. */
export const Failure = Type.Object({
  code: Type.String(),
  message: Type.String(),
  hint: Type.String(),
  details: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
});

/** Long work. It goes on without the client that asked for it. */
export const OperationRecord = Type.Object({
  id: Uuid,
  kind: Type.String({
    description: 'Id of the API operation that began it, such as nodes.create.',
  }),
  status: OperationStatus,
  subject: Type.String({ description: 'Who asked for it.' }),
  node: Type.Optional(NodeRef),
  progress: Type.Optional(Progress),
  result: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  error: Type.Optional(Failure),
  cancelRequestedAt: Type.Optional(Timestamp),
  createdAt: Timestamp,
  startedAt: Type.Optional(Timestamp),
  endedAt: Type.Optional(Timestamp),
});
export type OperationRecord = Static<typeof OperationRecord>;
