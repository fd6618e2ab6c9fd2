import type { Permission } from '../../types/constants/permissions.js';
import type { MemberStatus, Named } from '../../types/models/member.js';

/** What signing in is checked against. */
export interface Credentials extends Named {
  readonly status: MemberStatus;
  readonly roles: readonly string[];
  readonly passwordHash?: string;
}

export interface NewSession {
  readonly id: string;
  readonly client?: string;
  /** Address it was opened from. */
  readonly source: string;
  readonly refreshHash: Uint8Array;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export type Rotation =
  | { readonly kind: 'rotated'; readonly sessionId: string; readonly member: Credentials }
  /** A second use: the session has been ended. */
  | { readonly kind: 'reused'; readonly member: Named }
  | { readonly kind: 'ended' };

/** Sessions and what opens them, as they are stored. */
export interface SessionStore {
  /** By name, among members that were not removed. */
  credentials(name: string): Promise<Credentials | undefined>;
  open(memberId: string, session: NewSession): Promise<void>;
  /** Sets the password, activates the member, ends what was open before, and opens a session; undefined when the invitation is not good. */
  redeem(
    invitationHash: Uint8Array,
    passwordHash: string,
    session: NewSession,
  ): Promise<Credentials | undefined>;
  /** Exchanges a refresh token, once, whoever comes first. */
  rotate(
    refreshHash: Uint8Array,
    next: { readonly refreshHash: Uint8Array; readonly expiresAt: Date; readonly now: Date },
  ): Promise<Rotation>;
  /** Answers whether it was open. */
  end(sessionId: string, reason: string, now: Date): Promise<boolean>;
}

/** Argon2id (RFC 9106). */
export interface Passwords {
  hash(password: string): Promise<string>;
  /** Takes as long for no hash as for a wrong one. */
  verify(hash: string | undefined, password: string): Promise<boolean>;
}

/** Signs access tokens. */
export interface TokenIssuer {
  issue(grant: {
    readonly member: Named;
    readonly roles: readonly string[];
    readonly permissions: readonly Permission[];
    readonly sessionId: string;
  }): Promise<{ readonly accessToken: string; readonly expiresAt: Date }>;
}

/** Slows down whoever guesses. */
export interface LoginThrottle {
  /** Counts an attempt against both, before it is made, so that many at once are no way around. @throws {AppError} RATE_LIMITED. */
  attempt(name: string, source: string): Promise<void>;
  /** Gives it back. */
  succeeded(name: string, source: string): Promise<void>;
}
