import type { Caller, Role } from '../../types/models/member.js';
import type { RoleStore } from './member.ports.js';

import { isPermission, type Permission } from '../../types/constants/permissions.js';
import { builtInRoles, isBuiltInRole } from '../../types/constants/roles.js';
import { AppError } from '../../types/errors/app-error.js';

/** More would be a grid that nobody can oversee, and a table that every sign-in reads. */
const MAX_CUSTOM_ROLES = 64;

const builtIn: readonly Role[] = Object.entries(builtInRoles).map(([name, role]) => ({
  name,
  summary: role.summary,
  permissions: role.permissions,
  builtIn: true,
}));

/** Roles: named sets of permissions. Nobody gives a role more than they have themselves. */
export class RoleService {
  readonly #store: RoleStore;
  readonly #now: () => Date;

  constructor(deps: { readonly store: RoleStore; readonly now: () => Date }) {
    this.#store = deps.store;
    this.#now = deps.now;
  }

  /** The built-in ones, then those of this grid by name. */
  async list(): Promise<readonly Role[]> {
    return [...builtIn, ...(await this.#store.list())];
  }

  /** @throws {AppError} ROLE_NOT_FOUND. */
  async get(name: string): Promise<Role> {
    const role = (await this.list()).find((candidate) => candidate.name === name);
    if (role) return role;
    throw new AppError('ROLE_NOT_FOUND', `There is no role "${name}".`, { role: name });
  }

  /**
   * Makes or replaces a custom role.
   * @throws {AppError} ROLE_BUILT_IN, INPUT_INVALID (no such permission), PERMISSION_DENIED (more than the caller has), LIMIT_REACHED.
   */
  async set(
    caller: Caller,
    request: {
      readonly name: string;
      readonly summary?: string;
      readonly permissions: readonly string[];
    },
  ): Promise<Role> {
    refuseBuiltIn(request.name);
    const permissions = requirePermissions(request.permissions);
    requireHeld(caller, permissions, 'give a role');
    const known = await this.#store.list();
    const before = known.find(({ name }) => name === request.name);
    if (before) requireHeld(caller, before.permissions, 'change a role that has');
    if (!before && known.length >= MAX_CUSTOM_ROLES) {
      throw new AppError('LIMIT_REACHED', `There are ${MAX_CUSTOM_ROLES} roles already.`);
    }
    const summary = request.summary ?? before?.summary ?? '';
    return this.#store.set({ name: request.name, summary, permissions }, this.#now());
  }

  /** @throws {AppError} ROLE_BUILT_IN, ROLE_NOT_FOUND, ROLE_IN_USE, PERMISSION_DENIED. */
  async remove(caller: Caller, name: string): Promise<Role> {
    refuseBuiltIn(name);
    requireHeld(caller, (await this.get(name)).permissions, 'remove a role that has');
    return this.#store.remove(name);
  }

  /** What these roles allow together. Unknown names allow nothing. */
  async permissionsOf(roles: readonly string[]): Promise<ReadonlySet<Permission>> {
    return permissionsOf(roles, await this.list());
  }
}

/** What these roles of the list allow together, in the order of the alphabet. */
export function permissionsOf(
  roles: readonly string[],
  known: readonly Role[],
): ReadonlySet<Permission> {
  const held = known.filter(({ name }) => roles.includes(name));
  return new Set(held.flatMap(({ permissions }) => permissions).toSorted());
}

/** @throws {AppError} INPUT_INVALID, naming the first that is none. */
export function requirePermissions(names: readonly string[]): readonly Permission[] {
  return names.map((name) => {
    if (isPermission(name)) return name;
    throw new AppError('INPUT_INVALID', `There is no permission "${name}".`, { field: name });
  });
}

/** @throws {AppError} PERMISSION_DENIED when the caller lacks one: rights are passed on, never made. */
export function requireHeld(caller: Caller, wanted: Iterable<Permission>, doing: string): void {
  for (const permission of wanted) {
    if (caller.permissions.has(permission)) continue;
    throw new AppError(
      'PERMISSION_DENIED',
      `${caller.name} lacks ${permission}, and so may not ${doing} ${permission}.`,
      { permission },
    );
  }
}

function refuseBuiltIn(name: string): void {
  if (!isBuiltInRole(name)) return;
  throw new AppError('ROLE_BUILT_IN', `The role "${name}" is built in.`, { role: name });
}
