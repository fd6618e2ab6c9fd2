import type { Role } from '../contract/schemas/member.js';
import type { Column } from './table.js';

import { fields } from './table.js';

export const roleColumns: readonly Column<Role>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'KIND', value: ({ builtIn }) => (builtIn ? 'built in' : 'custom') },
  { title: 'PERMISSIONS', value: ({ permissions }) => String(permissions.length) },
  { title: 'SUMMARY', value: ({ summary }) => summary },
];

/** One role, and what it allows. */
export function describeRole({ name, summary, builtIn, permissions }: Role): string {
  return fields([
    ['Role', name],
    ['Summary', summary],
    ['Kind', builtIn ? 'built in' : 'custom'],
    ['Allows', permissions.join(', ') || 'nothing'],
  ]);
}
