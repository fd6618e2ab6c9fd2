import type { OperationOutput } from '../contract/registry.js';
import type { Column } from './table.js';

import { formatAge } from './format.js';
import { formatPort } from './ports.js';
import { specValue, specWord } from './spec-words.js';
import { formatVolume } from './volumes.js';

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

type Lists = Partial<Pick<RevisionOf['spec'], 'ports' | 'volumes' | 'secrets'>>;

/** `image: nginx:1 → nginx:2`, one text for each leaf that is not the same. */
export function differences(before: Lists, after: Lists): readonly string[] {
  const old = leaves(flat(before), '');
  const present = leaves(flat(after), '');
  return [...new Set([...old.keys(), ...present.keys()])]
    .filter((name) => JSON.stringify(old.get(name)) !== JSON.stringify(present.get(name)))
    .map((name) => {
      const [was, is] = [old, present].map((one) =>
        one.has(name) ? specValue(name, one.get(name)) : 'none',
      );
      return `${specWord(name)}: ${was} → ${is}`;
    })
    .toSorted();
}

/** Lists as they are written on a command line. */
function flat({ ports, volumes, secrets, ...rest }: Lists): object {
  return {
    ...rest,
    ...(ports && { ports: ports.map(formatPort) }),
    ...(volumes && { volumes: volumes.map(formatVolume) }),
    ...(secrets && {
      secrets: secrets.map(({ name, target }) => (target ? `${name}:${target}` : name)),
    }),
  };
}

/** Lists are one leaf each: what stands in them has an order, and no name. */
function leaves(value: unknown, name: string): Map<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return new Map([[name, value]]);
  }
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [
      ...leaves(inner, name === '' ? key : `${name}.${key}`),
    ]),
  );
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
