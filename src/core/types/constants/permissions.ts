/** What a caller may be allowed to do. Operations name one each; roles are sets of them. */
export const permissions = {
  'nodes:read': 'See nodes and their state.',
  'nodes:write': 'Create, change and delete nodes, and write their sticks.',
  'usb:read': 'See the drives of the daemon’s host.',
  'operations:read': 'See operations and their progress.',
  'operations:write': 'Cancel operations.',
  'events:read': 'Follow the stream of events.',
  'daemon:read': 'See the state of the daemon.',
  'daemon:admin': 'Stop and back up the daemon.',
} as const;

export type Permission = keyof typeof permissions;
