import { allPermissions, type Permission } from './permissions.js';

/** A named set of permissions. */
export interface RoleSpec {
  readonly summary: string;
  readonly permissions: readonly Permission[];
}

const read = [
  'nodes:read',
  'containers:read',
  'operations:read',
  'events:read',
  'daemon:read',
  'members:read',
  'roles:read',
  'self:read',
] as const;

const act = [
  ...read,
  'nodes:write',
  'containers:deploy',
  'secrets:read',
  'secrets:write',
  'operations:write',
  'tokens:read',
  'tokens:write',
] as const;

/** The roles that every grid has; they cannot be changed or removed. Custom roles stand in the database beside them. */
export const builtInRoles = {
  admin: { summary: 'Everything, on the objects of every member.', permissions: allPermissions },
  node_manager: {
    summary: 'A member who looks after the nodes of everyone.',
    permissions: [...act, 'nodes:any', 'nodes:approve', 'usb:read', 'operations:any'],
  },
  operator: {
    summary: 'A member who watches the daemon and ends work that hangs.',
    permissions: [...act, 'usb:read', 'operations:any', 'events:any'],
  },
  member: {
    summary: 'Acts on nodes, containers and credits of one’s own.',
    permissions: act,
  },
  viewer: { summary: 'Sees, and changes nothing.', permissions: read },
} as const satisfies Record<string, RoleSpec>;

export type BuiltInRole = keyof typeof builtInRoles;

export function isBuiltInRole(name: string): name is BuiltInRole {
  return Object.hasOwn(builtInRoles, name);
}
