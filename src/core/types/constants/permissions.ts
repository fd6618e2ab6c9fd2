/** What a caller may be allowed to do. Operations name one each; roles are sets of them. */
export const permissions = {
  'nodes:read': 'See nodes and their state.',
  'nodes:write': 'Create, change and delete nodes of one’s own.',
  'nodes:any': 'Change and delete the nodes of every member, and choose who owns a new one.',
  'nodes:approve': 'Let machines in that ask for approval, or turn them away.',
  'containers:read': 'See containers, where they run, and what they use.',
  'containers:deploy':
    'Deploy, change and remove containers of one’s own, read their logs, and run commands in them.',
  'containers:any': 'The same with the containers of every member.',
  'containers:unconfined':
    'Give up safe defaults of a container: more capabilities, a root that can be written, more privileges, folders of a node.',
  'secrets:read': 'See the names of secrets of one’s own.',
  'secrets:write': 'Set and remove secrets of one’s own.',
  'secrets:any': 'The same with the secrets of every member. What a secret is, nobody sees.',
  'usb:read': 'See the drives of the daemon’s host.',
  'operations:read': 'See operations of one’s own and their progress.',
  'operations:write': 'Cancel operations of one’s own.',
  'operations:any': 'See and cancel the operations of every member.',
  'events:read': 'Follow the stream of events, as far as they concern everyone or oneself.',
  'events:any': 'Follow every event.',
  'daemon:read': 'See the state of the daemon.',
  'daemon:admin': 'Stop and back up the daemon, and renew its keys.',
  'members:read': 'See members and their roles.',
  'members:write': 'Add, change and remove members, and end their sessions.',
  'roles:read': 'See roles and what they allow.',
  'roles:write': 'Change roles.',
  'tokens:read': 'See personal access tokens of one’s own.',
  'tokens:write': 'Make and revoke personal access tokens of one’s own.',
  'tokens:any': 'See and revoke the personal access tokens of every member.',
  'self:read': 'See who one is and what one may do.',
  'audit:read': 'Read, verify and export the audit log.',
} as const;

export type Permission = keyof typeof permissions;

/** What an operation may ask for: a permission, or nothing at all, in so many words. */
export type Requirement = Permission | 'public';

export function isPermission(text: string): text is Permission {
  return Object.hasOwn(permissions, text);
}

/** Every permission, in the order of the table. */
export const allPermissions: readonly Permission[] = Object.keys(permissions).filter(isPermission);
