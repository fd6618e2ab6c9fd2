import type { ErrorCode } from '../errors/codes.js';
import type { ErrorDetails } from '../errors/app-error.js';

export type OperationStatus =
  | 'pending'
  | 'running'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'interrupted';

/** A failure as it is stored: the hint is added from the table when it is shown. */
export interface StoredFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
}

export interface OperationProgress {
  readonly phase: string;
  readonly doneBytes: number;
  readonly totalBytes?: number;
  readonly bytesPerSecond: number;
  readonly etaSeconds?: number;
}

/** Long work that goes on without the client that asked for it. */
export interface OperationRecord {
  readonly id: string;
  readonly kind: string;
  readonly status: OperationStatus;
  /** Name of who asked for it, as it was. */
  readonly subject: string;
  readonly memberId: string;
  readonly node?: { readonly id: string; readonly name: string };
  readonly progress?: OperationProgress;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: StoredFailure;
  readonly cancelRequestedAt?: Date;
  readonly createdAt: Date;
  readonly startedAt?: Date;
  readonly endedAt?: Date;
}

/** How an operation ends. */
export type OperationOutcome =
  | { readonly status: 'succeeded'; readonly result: Readonly<Record<string, unknown>> }
  | { readonly status: 'failed' | 'cancelled' | 'interrupted'; readonly error: StoredFailure };
