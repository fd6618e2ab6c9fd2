import type { DriveIdentity } from './drive.js';

/** Where an image is written to. */
export type WriteTarget =
  | { readonly kind: 'device'; readonly identity: DriveIdentity }
  | { readonly kind: 'file'; readonly path: string; readonly replace: boolean };

/** A small text file to be placed in the image's CIDATA partition. Path is relative, `/`-separated. */
export interface IdentityFile {
  readonly path: string;
  readonly text: string;
}

/** Everything a writer process is told. Holds a join token, so it travels on stdin, never in argv. */
export interface WriteJob {
  readonly source: { readonly kind: 'seed' } | { readonly kind: 'file'; readonly path: string };
  readonly sha256?: string;
  readonly target: WriteTarget;
  readonly identityFiles: readonly IdentityFile[];
  readonly verify: boolean;
  readonly unmount: boolean;
  readonly eject: boolean;
}

/** Steps of a write, in order. `checksum` only with a checksum, `verify` unless switched off. */
export type WritePhase = 'checksum' | 'write' | 'flush' | 'verify' | 'identity' | 'eject';

export interface WriteProgress {
  readonly phase: WritePhase;
  readonly doneBytes: number;
  /** Absent where the source does not state its size. */
  readonly totalBytes?: number;
  readonly bytesPerSecond: number;
  readonly etaSeconds?: number;
}

/** Whether the target can be used, in the words of `operation show`. */
export type TargetState =
  | 'untouched'
  | 'verified'
  | 'written-not-verified'
  | 'unusable'
  | 'removed';

export interface WriteReport {
  readonly imageBytes: number;
  /** SHA-256 is not computed on the write path; this is the digest that verify compared (xxh3 or its peer). */
  readonly verified: boolean;
  readonly identityWritten: boolean;
  readonly durationMs: number;
  readonly writeBytesPerSecond: number;
  readonly ejected: boolean;
}
