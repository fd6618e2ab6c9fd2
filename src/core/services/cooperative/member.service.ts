import type { Caller, Member } from '../../types/models/member.js';
import type {
  InvitationRow,
  MemberChange,
  MemberFilter,
  MemberStore,
  Secrets,
} from './member.ports.js';
import type { RoleService } from './role.service.js';

import { ADMIN_ID } from '../../types/constants/admin.js';
import { AppError } from '../../types/errors/app-error.js';
import { requireName } from '../../utils/node-name.js';
import { requireHeld } from './role.service.js';

const DEFAULT_INVITATION_TTL_SECONDS = 7 * 24 * 3600;
const DEFAULT_ROLES = ['member'] as const;

/** What is told to whoever invites, this once. */
export interface IssuedInvitation {
  readonly secret: string;
  readonly expiresAt: Date;
}

interface Deps {
  readonly store: MemberStore;
  readonly roles: RoleService;
  readonly secrets: Secrets;
  readonly newId: () => string;
  readonly now: () => Date;
}

/**
 * Members: added, changed, removed. Whoever may write members still gives no role that allows more than they may
 * themselves, and touches nobody who may more.
 */
export class MemberService {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  list(filter: MemberFilter): Promise<readonly Member[]> {
    return this.#deps.store.list(filter);
  }

  /** @throws {AppError} MEMBER_NOT_FOUND. */
  async get(ref: string): Promise<Member> {
    const member = await this.#deps.store.find(ref);
    if (member) return member;
    throw new AppError('MEMBER_NOT_FOUND', `There is no member "${ref}".`, { member: ref });
  }

  /**
   * Adds a member and invites it: the secret sets its password, once, within its time.
   * @throws {AppError} NAME_INVALID, MEMBER_NAME_TAKEN, ROLE_NOT_FOUND, PERMISSION_DENIED.
   */
  async create(
    caller: Caller,
    request: {
      readonly name: string;
      readonly roles?: readonly string[];
      readonly description?: string;
      readonly invitationTtlSeconds?: number;
    },
  ): Promise<{ member: Member; invitation: IssuedInvitation }> {
    const { store, newId, now } = this.#deps;
    const roles = request.roles ?? DEFAULT_ROLES;
    await this.#requireGrantable(caller, roles);
    const { row, issued } = this.#invite(request.invitationTtlSeconds);
    const member = await store.create(
      {
        id: newId(),
        name: requireName(request.name),
        roles,
        ...(request.description === undefined ? {} : { description: request.description }),
      },
      row,
      now(),
    );
    return { member, invitation: issued };
  }

  /** @throws {AppError} MEMBER_NOT_FOUND, MEMBER_BUILT_IN, NAME_INVALID, MEMBER_NAME_TAKEN, ROLE_NOT_FOUND, VERSION_CONFLICT, PERMISSION_DENIED. */
  async update(
    caller: Caller,
    ref: string,
    change: Omit<MemberChange, 'invitation'> & {
      readonly invite?: boolean;
      readonly invitationTtlSeconds?: number;
    },
  ): Promise<{ member: Member; invitation?: IssuedInvitation }> {
    const { invite = false, invitationTtlSeconds, ...rest } = change;
    const { ifVersion: _, ...wanted } = rest;
    if (!invite && Object.values(wanted).every((value) => value === undefined)) {
      throw new AppError('INPUT_INVALID', 'Nothing to change was given.');
    }
    const before = await this.#requireTouchable(caller, ref);
    if (rest.name !== undefined) requireName(rest.name);
    if (rest.roles) await this.#requireGrantable(caller, rest.roles);
    const invitation = invite ? this.#invite(invitationTtlSeconds) : undefined;
    const member = await this.#deps.store.update(
      before.id,
      { ...rest, ...(invitation ? { invitation: invitation.row } : {}) },
      this.#deps.now(),
    );
    return { member, ...(invitation ? { invitation: invitation.issued } : {}) };
  }

  /** @throws {AppError} MEMBER_NOT_FOUND, MEMBER_BUILT_IN, MEMBER_OWNS_NODES, PERMISSION_DENIED. */
  async remove(
    caller: Caller,
    ref: string,
    transferTo: string | undefined,
  ): Promise<{ member: Member; transferredNodes: number }> {
    const { id } = await this.#requireTouchable(caller, ref);
    const heir = transferTo === undefined ? undefined : await this.get(transferTo);
    if (heir?.id === id || heir?.status === 'removed') {
      throw new AppError('INPUT_INVALID', 'Its nodes must go to another member.', {
        field: 'transferTo',
      });
    }
    return this.#deps.store.remove(id, heir?.id, this.#deps.now());
  }

  #invite(ttlSeconds = DEFAULT_INVITATION_TTL_SECONDS): {
    row: InvitationRow;
    issued: IssuedInvitation;
  } {
    const { secret, hash } = this.#deps.secrets.mint('syninv_');
    const expiresAt = new Date(this.#deps.now().getTime() + ttlSeconds * 1000);
    return { row: { hash, expiresAt }, issued: { secret, expiresAt } };
  }

  async #requireGrantable(caller: Caller, roles: readonly string[]): Promise<void> {
    for (const name of roles) {
      const { permissions } = await this.#deps.roles.get(name);
      requireHeld(caller, permissions, `give the role ${name} with`);
    }
  }

  async #requireTouchable(caller: Caller, ref: string): Promise<Member> {
    const member = await this.get(ref);
    if (member.id === ADMIN_ID) {
      throw new AppError('MEMBER_BUILT_IN', `"${member.name}" is built in.`, { member: member.id });
    }
    if (member.status === 'removed') {
      throw new AppError('MEMBER_NOT_FOUND', `Member "${ref}" was removed.`, { member: member.id });
    }
    const held = await this.#deps.roles.permissionsOf(member.roles);
    requireHeld(caller, held, `change ${member.name}, who has`);
    return member;
  }
}
