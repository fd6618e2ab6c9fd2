import type { Named } from './member.js';

/** One call, as the audit log tells it. */
export interface AuditEntry {
  readonly at: string;
  readonly member?: Named;
  /** Who stands behind `--as`. */
  readonly actor?: Named;
  readonly via: string;
  /** IP address, or `socket`. */
  readonly source: string;
  readonly operation: string;
  readonly object?: { readonly kind: string; readonly ref: string };
  /** `ok`, or the code of the refusal or failure. */
  readonly outcome: string;
  readonly requestId: string;
  /** What somebody who reviews it should know: which safe defaults were given up. */
  readonly remark?: string;
  /** Like entries that were left out before this one. */
  readonly suppressed?: number;
}

/** An entry with its place in the chain. */
export interface AuditRecord {
  readonly seq: number;
  /** JSON text, exactly as it was hashed. */
  readonly entry: string;
  /** SHA-256 in hex. */
  readonly previousHash: string;
  readonly hash: string;
}
