import type { MeshNode } from '../../types/models/network.js';

/** Which nodes are meant: those that fit all of it. Nothing said is everybody. */
export interface Selector {
  /** Any of these. */
  readonly nodes?: readonly string[];
  readonly member?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

type Selected = Pick<MeshNode, 'id' | 'ownerId' | 'labels'>;

const EVERYBODY = 'all';

export function matches({ nodes, member, labels }: Selector, node: Selected): boolean {
  if (nodes && !nodes.includes(node.id)) return false;
  if (member !== undefined && member !== node.ownerId) return false;
  if (!labels) return true;
  return Object.entries(labels).every(([key, value]) => valueOf(node.labels, key) === value);
}

/** The same text for selectors that say the same. */
export function keyOf({ nodes, member, labels }: Selector): string {
  const pairs = Object.entries(labels ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([nodes ? [...new Set(nodes)].toSorted() : null, member ?? null, pairs]);
}

/** What a node is known by: a selector that fits it has one of these in `cluesOf`. */
export function traitsOf({ id, ownerId, labels }: Selected): readonly string[] {
  const pairs = Object.entries(labels).map(([key, value]) => `l:${key}=${value}`);
  return [EVERYBODY, `n:${id}`, `m:${ownerId}`, ...pairs];
}

/** The traits of which a node that fits has at least one: the most telling ones of a selector. */
export function cluesOf({ nodes, member, labels }: Selector): readonly string[] {
  if (nodes) return [...new Set(nodes)].map((id) => `n:${id}`);
  if (member !== undefined) return [`m:${member}`];
  const [pair] = Object.entries(labels ?? {});
  return [pair ? `l:${pair[0]}=${pair[1]}` : EVERYBODY];
}

function valueOf(labels: Selected['labels'], key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
