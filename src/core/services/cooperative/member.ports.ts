import type { AccessToken, Member, MemberStatus, Named, Role } from '../../types/models/member.js';
import type { Permission } from '../../types/constants/permissions.js';

export interface NewSecret {
  /** Shown once, to whom it is for. */
  readonly secret: string;
  /** Its SHA-256, which is what is stored. */
  readonly hash: Uint8Array;
}

/** Secrets of 256 random bits, recognisable by their prefix. */
export interface Secrets {
  mint(prefix: 'syninv_' | 'synpat_' | 'synref_'): NewSecret;
  hash(secret: string): Uint8Array;
}

export interface InvitationRow {
  readonly hash: Uint8Array;
  readonly expiresAt: Date;
}

export interface MemberFilter {
  readonly status?: MemberStatus;
  readonly role?: string;
  readonly removed: boolean;
  /** Names after this one. */
  readonly after?: string;
  readonly limit: number;
}

export interface MemberChange {
  readonly name?: string;
  readonly roles?: readonly string[];
  readonly description?: string;
  readonly disabled?: boolean;
  readonly ifVersion?: number;
  readonly invitation?: InvitationRow;
}

/** Members as they are stored. Each change appends its event in the same transaction. */
export interface MemberStore {
  list(filter: MemberFilter): Promise<readonly Member[]>;
  /** By id, or by name among those that were not removed. */
  find(ref: string): Promise<Member | undefined>;
  /** @throws {AppError} MEMBER_NAME_TAKEN. */
  create(
    member: Pick<Member, 'id' | 'name' | 'roles' | 'description'>,
    invitation: InvitationRow,
    now: Date,
  ): Promise<Member>;
  /**
   * Earlier invitations end when there is a new one; sessions and tokens end with `disabled`.
   * @throws {AppError} MEMBER_NOT_FOUND, MEMBER_NAME_TAKEN, VERSION_CONFLICT.
   */
  update(id: string, change: MemberChange, now: Date): Promise<Member>;
  /** @throws {AppError} MEMBER_NOT_FOUND, MEMBER_OWNS_NODES. */
  remove(
    id: string,
    transferTo: string | undefined,
    now: Date,
  ): Promise<{ member: Member; transferredNodes: number }>;
}

/** Roles, built in or not. */
export interface RoleStore {
  list(): Promise<readonly Role[]>;
  set(role: Omit<Role, 'builtIn'>, now: Date): Promise<Role>;
  /** @throws {AppError} ROLE_NOT_FOUND, ROLE_IN_USE. */
  remove(name: string): Promise<Role>;
}

export interface TokenFilter {
  readonly memberId: string | undefined;
  readonly all: boolean;
  /** `<created at>|<id>` of the last row of the page before. */
  readonly after?: string;
  readonly limit: number;
  readonly now: Date;
}

export interface TokenStore {
  list(filter: TokenFilter): Promise<readonly AccessToken[]>;
  find(id: string): Promise<AccessToken | undefined>;
  /** @throws {AppError} TOKEN_NAME_TAKEN, LIMIT_REACHED. */
  create(
    token: Omit<AccessToken, 'member' | 'scopes'> & {
      readonly member: Named;
      readonly scopes: readonly Permission[];
      readonly hash: Uint8Array;
    },
  ): Promise<AccessToken>;
  /** @throws {AppError} TOKEN_NOT_FOUND. */
  revoke(id: string, now: Date): Promise<AccessToken>;
}
