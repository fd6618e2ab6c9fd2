import type { OperationOutput } from '../contract/registry.js';
import type { Column } from './table.js';

import { formatAge } from './format.js';

type Secret = OperationOutput<'secrets.list'>['secrets'][number];

export const secretColumns: readonly Column<Secret>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'USED_BY', value: ({ usedBy }) => usedBy.map(({ name }) => name).join(',') },
  { title: 'CHANGED', value: ({ updatedAt }) => `${formatAge(updatedAt)} ago` },
  { title: 'OWNER', value: ({ owner }) => owner.name },
  { title: 'ID', value: ({ id }) => id },
];
