import type { MemberService } from '../../core/services/cooperative/member.service.js';
import type { AuditRepository } from '../../core/storage/postgres/audit.repository.js';
import type { AuditEntry, AuditRecord } from '../../core/types/models/audit.js';
import type { Handlers } from '../dispatch.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { readAudit, verifyAudit } from '../audit/audit-log.js';
import { decodeCursor, encodeCursor } from '../page-cursor.js';

const DEFAULT_LIMIT = 100;

/** The audit log: read, verified, exported. */
export function auditHandlers(
  log: AuditRepository,
  members: MemberService,
): Pick<Handlers, 'audit.list' | 'audit.verify' | 'audit.export'> {
  return {
    'audit.list': async ({ member, cursor, limit = DEFAULT_LIMIT, ...filter }) => {
      const page = await log.list({
        ...filter,
        ...(member === undefined ? {} : { member: (await members.get(member)).id }),
        ...(cursor === undefined ? {} : { before: seqOf(cursor) }),
        limit: limit + 1,
      });
      const shown = page.slice(0, limit);
      const last = shown.at(-1);
      return {
        entries: shown.map(showEntry),
        ...(page.length > limit && last ? { nextCursor: encodeCursor(String(last.seq)) } : {}),
      };
    },
    'audit.verify': ({ expectSeq, expectHash }) => {
      if ((expectSeq === undefined) !== (expectHash === undefined)) {
        throw new AppError('INPUT_INVALID', 'Give both expectSeq and expectHash, or neither.', {
          field: expectSeq === undefined ? 'expectSeq' : 'expectHash',
        });
      }
      return expectSeq === undefined || expectHash === undefined
        ? verifyAudit(log)
        : verifyAudit(log, { seq: expectSeq, hash: expectHash });
    },
    'audit.export': async ({ fromSeq }) => readAudit(log, fromSeq),
  };
}

function showEntry({ seq, entry, hash }: AuditRecord) {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by the audit trail; output is shaped by the contract besides
  const told = JSON.parse(entry) as AuditEntry;
  return { ...told, seq, hash };
}

function seqOf(cursor: string): number {
  const seq = Number(decodeCursor(cursor));
  if (Number.isSafeInteger(seq)) return seq;
  throw new AppError('INPUT_INVALID', 'The cursor is not one that this daemon gave.', {
    field: 'cursor',
  });
}
