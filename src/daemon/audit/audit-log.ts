import { createHash } from 'node:crypto';

import type { AuditRecord } from '../../core/types/models/audit.js';

const PAGE = 1_000;

/** The log as it is stored. Implemented by core/storage/postgres/audit.repository.ts. */
export interface AuditSource {
  from(seq: number, limit: number): Promise<readonly AuditRecord[]>;
  anchor(): Promise<{ readonly seq: number; readonly hash: string }>;
}

export interface AuditVerdict {
  readonly ok: boolean;
  readonly entries: number;
  readonly firstSeq: number;
  readonly head: { readonly seq: number; readonly hash: string };
  readonly broken?: { readonly seq: number; readonly reason: string };
}

/** A head that was noted earlier: the entry must still be there, as it was. */
export interface ExpectedHead {
  readonly seq: number;
  readonly hash: string;
}

/** SHA-256 over the hash before, then `<seq>:<entry>`: computed here, for a database that was tampered with may lie about it. */
export function auditHash({
  seq,
  entry,
  previousHash,
}: Pick<AuditRecord, 'seq' | 'entry' | 'previousHash'>): string {
  return createHash('sha256')
    .update(Buffer.from(previousHash, 'hex'))
    .update(`${seq}:${entry}`)
    .digest('hex');
}

/** Every record from a number on, in pages, until the newest. */
export async function* readAudit(source: AuditSource, from = 1): AsyncGenerator<AuditRecord> {
  for (let next = from; ;) {
    const page = await source.from(next, PAGE);
    yield* page;
    const last = page.at(-1);
    if (!last || page.length < PAGE) return;
    next = last.seq + 1;
  }
}

/** Goes through the whole chain. Stops at the first entry that does not fit. */
export async function verifyAudit(
  source: AuditSource,
  expected?: ExpectedHead,
): Promise<AuditVerdict> {
  const anchor = await source.anchor();
  let head = anchor;
  let entries = 0;
  const verdict = (reason?: string, seq = head.seq + 1): AuditVerdict => ({
    ok: reason === undefined,
    entries,
    firstSeq: anchor.seq + 1,
    head,
    ...(reason === undefined ? {} : { broken: { seq, reason } }),
  });
  let metExpected = expected === undefined || expected.seq <= anchor.seq;
  for await (const record of readAudit(source)) {
    if (record.seq !== head.seq + 1) return verdict('entries are missing before the next one');
    if (record.previousHash !== head.hash) return verdict('it does not follow the entry before it');
    if (record.hash !== auditHash(record)) return verdict('its text is not what was hashed');
    if (record.seq === expected?.seq) {
      if (record.hash !== expected.hash) return verdict('it is not the entry that was expected');
      metExpected = true;
    }
    head = { seq: record.seq, hash: record.hash };
    entries += 1;
  }
  return metExpected ? verdict() : verdict('the log ends before the entry that was expected');
}
