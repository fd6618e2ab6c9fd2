import { Type } from 'typebox';

import { operation } from '../operation.js';
import { Input, PageCursor, PageLimit, Ref, Timestamp } from '../schemas/common.js';
import { AuditEntry, AuditHash, AuditRecord, AuditVerdict } from '../schemas/audit.js';

export const listAudit = operation({
  id: 'audit.list',
  kind: 'query',
  summary: 'List entries of the audit log, newest first.',
  permission: 'audit:read',
  http: ['GET', '/v1/audit'],
  input: Input({
    member: Type.Optional(Ref),
    operation: Type.Optional(
      Type.String({ maxLength: 64, description: 'Such as nodes.delete, or nodes.*' }),
    ),
    object: Type.Optional(
      Type.String({ maxLength: 255, description: 'Id or name of the object.' }),
    ),
    outcome: Type.Optional(
      Type.String({ maxLength: 64, description: '`ok`, `failed` for all others, or one code.' }),
    ),
    since: Type.Optional(Timestamp),
    until: Type.Optional(Timestamp),
    cursor: Type.Optional(PageCursor),
    limit: Type.Optional(PageLimit),
  }),
  output: Type.Object({ entries: Type.Array(AuditEntry), nextCursor: Type.Optional(PageCursor) }),
  errors: ['INPUT_INVALID'],
});

export const verifyAudit = operation({
  id: 'audit.verify',
  kind: 'query',
  summary:
    'Recompute the chain of hashes. With a head that was noted earlier, also that nothing before it was cut off or rewritten.',
  permission: 'audit:read',
  http: ['GET', '/v1/audit/verification'],
  input: Input({
    expectSeq: Type.Optional(Type.Integer({ minimum: 0 })),
    expectHash: Type.Optional(AuditHash),
  }),
  output: AuditVerdict,
  errors: ['INPUT_INVALID'],
  cost: 50,
});

export const exportAudit = operation({
  id: 'audit.export',
  kind: 'stream',
  summary: 'Every entry from `fromSeq` on, as it was hashed; ends with the newest.',
  permission: 'audit:read',
  http: ['GET', '/v1/audit/export'],
  input: Input({ fromSeq: Type.Optional(Type.Integer({ minimum: 1 })) }),
  output: AuditRecord,
  errors: [],
  cost: 50,
});
