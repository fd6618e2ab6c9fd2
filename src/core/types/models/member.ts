import type { Permission } from '../constants/permissions.js';

export type MemberStatus = 'invited' | 'active' | 'disabled' | 'removed';

/** Whatever is told by id and name at once. */
export interface Named {
  readonly id: string;
  readonly name: string;
}

/** Somebody who pools machines in this grid, and signs in to it. */
export interface Member extends Named {
  readonly status: MemberStatus;
  readonly roles: readonly string[];
  readonly description?: string;
  readonly formerName?: string;
  readonly lastSeenAt?: Date;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly version: number;
}

export interface Role {
  readonly name: string;
  readonly summary: string;
  readonly permissions: readonly Permission[];
  readonly builtIn: boolean;
}

/** A personal access token, without its secret. */
export interface AccessToken extends Named {
  readonly member: Named;
  readonly scopes: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly lastUsedAt?: Date;
  readonly revokedAt?: Date;
}

/** Who asks a rule: what they may do decides what they may give to others. */
export interface Caller extends Named {
  readonly permissions: ReadonlySet<Permission>;
}
