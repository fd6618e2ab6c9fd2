import { type Static, Type } from 'typebox';

import { Named, Timestamp } from './common.js';

const HASH = '^[0-9a-f]{64}$';

export const AuditHash = Type.String({ pattern: HASH, description: 'SHA-256 in hex.' });

/** One entry of the audit log. */
export const AuditEntry = Type.Object({
  seq: Type.Integer({ description: 'Without a gap, from 1.' }),
  at: Timestamp,
  member: Type.Optional(Named),
  /** Who stands behind `--as`. */
  actor: Type.Optional(Named),
  via: Type.String(),
  source: Type.String({ description: 'IP address, or `socket`.' }),
  operation: Type.String(),
  object: Type.Optional(Type.Object({ kind: Type.String(), ref: Type.String() })),
  outcome: Type.String({ description: '`ok`, or the code of the refusal or failure.' }),
  requestId: Type.String(),
  remark: Type.Optional(
    Type.String({
      description: 'What a reviewer should know: which safe defaults were given up.',
    }),
  ),
  suppressed: Type.Optional(
    Type.Integer({ description: 'Like entries that were left out before this one.' }),
  ),
  hash: AuditHash,
});
export type AuditEntry = Static<typeof AuditEntry>;

/** Exactly what is hashed, so that an export can be verified without the daemon. */
export const AuditRecord = Type.Object({
  seq: Type.Integer(),
  entry: Type.String({ description: 'JSON text, as it was hashed.' }),
  previousHash: AuditHash,
  hash: Type.String({
    pattern: HASH,
    description: 'SHA-256 over previousHash (raw bytes), then `<seq>:<entry>` in UTF-8.',
  }),
});
export type AuditRecord = Static<typeof AuditRecord>;

export const AuditVerdict = Type.Object({
  ok: Type.Boolean(),
  entries: Type.Integer({ description: 'How many were verified.' }),
  firstSeq: Type.Integer({ description: 'Of the oldest entry that is kept.' }),
  head: Type.Object({ seq: Type.Integer(), hash: AuditHash }),
  /** The first entry that does not fit. */
  broken: Type.Optional(Type.Object({ seq: Type.Integer(), reason: Type.String() })),
});
export type AuditVerdict = Static<typeof AuditVerdict>;
