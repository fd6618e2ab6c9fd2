import type { OperationOutput } from '../contract/registry.js';
import type { Column } from './table.js';

import { formatAge } from './format.js';

type RevisionOf = OperationOutput<'containers.history'>['revisions'][number];

/** A revision, and what is different in it. */
export interface RevisionRow {
  readonly revision: RevisionOf;
  readonly changed: readonly string[];
}

/** Of revisions, newest first, each with what differs from the one before it. */
export function withChanges(revisions: readonly RevisionOf[]): readonly RevisionRow[] {
  return revisions.map((revision, index) => {
    const before = revisions[index + 1];
    return { revision, changed: before ? differences(before.spec, revision.spec) : [] };
  });
}

/** `image: nginx:1 → nginx:2`, one text for each leaf that is not the same. */
export function differences(before: object, after: object): readonly string[] {
  const old = leaves(before, '');
  const present = leaves(after, '');
  const names = [...new Set([...old.keys(), ...present.keys()])].toSorted();
  return names
    .filter((name) => old.get(name) !== present.get(name))
    .map((name) => `${name}: ${old.get(name) ?? 'none'} → ${present.get(name) ?? 'none'}`);
}

/** Lists are one leaf each: what stands in them has an order, and no name. */
function leaves(value: unknown, name: string): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return new Map([[name, shown(value)]]);
  }
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [
      ...leaves(inner, name === '' ? key : `${name}.${key}`),
    ]),
  );
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export const revisionColumns: readonly Column<RevisionRow>[] = [
  { title: 'REVISION', value: ({ revision }) => String(revision.revision) },
  { title: 'STATE', value: ({ revision }) => revision.state },
  { title: 'AGE', value: ({ revision }) => formatAge(revision.createdAt) },
  { title: 'BY', value: ({ revision }) => revision.createdBy },
  { title: 'IMAGE', value: ({ revision }) => revision.spec.image },
  { title: 'CHANGED', value: ({ changed }) => changed.join('; ') },
  { title: 'REASON', value: ({ revision }) => revision.reason ?? '' },
];
