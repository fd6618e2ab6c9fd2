import { Type } from 'typebox';

import { operation } from '../operation.js';
import { Input } from '../schemas/common.js';
import { Role, RoleName } from '../schemas/member.js';

export const listRoles = operation({
  id: 'roles.list',
  kind: 'query',
  summary: 'List roles: the built-in ones, then those of this grid.',
  permission: 'roles:read',
  http: ['GET', '/v1/roles'],
  input: Input({}),
  output: Type.Object({ roles: Type.Array(Role) }),
  errors: [],
});

export const getRole = operation({
  id: 'roles.get',
  kind: 'query',
  summary: 'One role.',
  permission: 'roles:read',
  http: ['GET', '/v1/roles/:role'],
  input: Input({ role: RoleName }),
  output: Role,
  errors: ['ROLE_NOT_FOUND'],
});

export const setRole = operation({
  id: 'roles.set',
  kind: 'mutation',
  summary: 'Make a role, or replace what it allows. Holds at once for everyone who has it.',
  permission: 'roles:write',
  http: ['PUT', '/v1/roles/:role'],
  object: { kind: 'role', field: 'role' },
  input: Input({
    role: RoleName,
    summary: Type.Optional(Type.String({ maxLength: 255 })),
    permissions: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 128, uniqueItems: true }),
  }),
  output: Role,
  errors: ['ROLE_BUILT_IN', 'INPUT_INVALID', 'LIMIT_REACHED', 'PERMISSION_DENIED'],
  idempotent: true,
});

export const deleteRole = operation({
  id: 'roles.delete',
  kind: 'mutation',
  summary: 'Remove a role that no member has.',
  permission: 'roles:write',
  http: ['DELETE', '/v1/roles/:role'],
  object: { kind: 'role', field: 'role' },
  input: Input({ role: RoleName }),
  output: Role,
  errors: ['ROLE_NOT_FOUND', 'ROLE_BUILT_IN', 'ROLE_IN_USE'],
  idempotent: true,
});
