import type { RoleService } from '../../core/services/cooperative/role.service.js';
import type { Handlers } from '../dispatch.js';

/** Roles and what they allow. */
export function roleHandlers(
  roles: RoleService,
): Pick<Handlers, 'roles.list' | 'roles.get' | 'roles.set' | 'roles.delete'> {
  return {
    'roles.list': async () => ({ roles: await roles.list() }),
    'roles.get': ({ role }) => roles.get(role),
    'roles.set': ({ role, ...rest }, { subject }) => roles.set(subject, { name: role, ...rest }),
    'roles.delete': ({ role }, { subject }) => roles.remove(subject, role),
  };
}
