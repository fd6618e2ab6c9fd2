import type { AuditEntry, AuditVerdict } from '../contract/schemas/audit.js';
import type { Column } from './table.js';

import { AppError } from '../core/types/errors/app-error.js';
import { parseDuration } from './duration.js';
import { fields } from './table.js';
import { quoted } from '../core/utils/quoted.js';

export const auditColumns: readonly Column<AuditEntry>[] = [
  { title: 'SEQ', value: ({ seq }) => String(seq) },
  { title: 'AT', value: ({ at }) => at },
  { title: 'WHO', value: (entry) => whoOf(entry) },
  { title: 'FROM', value: ({ source }) => source },
  { title: 'OPERATION', value: ({ operation }) => operation },
  { title: 'OBJECT', value: ({ object }) => (object ? `${object.kind} ${object.ref}` : '') },
  { title: 'OUTCOME', value: ({ outcome }) => outcome },
];

function whoOf({ member, actor, via }: AuditEntry): string {
  const name = member?.name ?? via;
  return actor && actor.name !== name ? `${name} (by ${actor.name})` : name;
}

/** What a verification found. */
export function describeVerdict({ ok, entries, firstSeq, head, broken }: AuditVerdict): string {
  return fields([
    ['Audit log', ok ? 'whole: every entry is as it was written' : 'BROKEN'],
    ['Verified', `${entries} entries, from ${firstSeq}`],
    ['Broken at', broken && `${broken.seq}: ${broken.reason}`],
    ['Head', `${head.seq}:${head.hash}`],
  ]);
}

/** A time on the command line: RFC 3339, or how long ago, such as 24h. @throws {AppError} USAGE_INVALID. */
export function parseTime(text: string, flag: string, now = Date.now()): string {
  if (/^\d+(ms|s|m|h|d|w)/.test(text)) {
    return new Date(now - parseDuration(text, flag)).toISOString();
  }
  const time = /^\d{4}-\d{2}-\d{2}(T|$)/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return new Date(time).toISOString();
  throw new AppError(
    'USAGE_INVALID',
    `--${flag} ${quoted(text)} is no time; write it as 2026-11-23T10:00:00Z, or 24h for so long ago.`,
    { flag },
  );
}

/** A head as `audit verify` prints it. @throws {AppError} USAGE_INVALID. */
export function parseHead(text: string): { expectSeq: number; expectHash: string } {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq !== undefined && hash !== undefined) return { expectSeq: Number(seq), expectHash: hash };
  throw new AppError('USAGE_INVALID', '--expect is no head, as `audit verify` prints it.', {
    flag: '--expect',
  });
}

/** A part of the log must never be taken for all of it. @throws {AppError} DAEMON_UNREACHABLE, with where to go on. */
export function requireWhole(reason: string, next: number): void {
  if (reason === 'complete') return;
  throw new AppError(
    'DAEMON_UNREACHABLE',
    `The export broke off (${reason}). Go on with --from-seq ${next}.`,
    { reason, fromSeq: next },
  );
}
