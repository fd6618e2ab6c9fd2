import type { MeshNode, Service } from '../../../types/models/network.js';
import type { MeshRule } from '../mesh-inputs.js';
import type { Selector } from '../selector.js';

import { keyOf } from '../selector.js';

/** Nodes as a policy names them. Names of nodes and members, not ids: a person wrote it. */
export interface PolicyParty {
  readonly node?: string;
  readonly member?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Any of `from` may begin to talk to any of `to`. There is no rule that denies: what no rule allows is denied. */
export interface PolicyRule {
  readonly name: string;
  readonly from: readonly PolicyParty[];
  readonly to: readonly PolicyParty[];
  /** Nothing here means everything. */
  readonly services: readonly Service[];
}

/** What has to be true of two nodes, whatever the rules say. */
export interface PolicyTest {
  readonly from: string;
  readonly to: string;
  readonly allow: readonly Service[];
  readonly deny: readonly Service[];
}

export interface Policy {
  readonly rules: readonly PolicyRule[];
  readonly tests: readonly PolicyTest[];
}

/** Whom names mean. */
export interface Names {
  readonly nodeId: (name: string) => string | undefined;
  readonly memberId: (name: string) => string | undefined;
}

/** A name that nobody has. The rule is kept: it is about whoever will have it. */
export interface UnknownName {
  readonly kind: 'node' | 'member';
  readonly name: string;
  readonly rule: string;
}

export interface CompiledPolicy {
  /** A rule of two groups each, named by what it says: of two policies, what both have needs no change. */
  readonly rules: readonly MeshRule[];
  readonly unknown: readonly UnknownName[];
}

const ID_DIGITS = 16;

/** Rules between groups, as the maps take them. @param digest - SHA-256 in hexadecimal digits. */
export function compilePolicy(
  policy: Policy,
  names: Names,
  digest: (text: string) => string,
): CompiledPolicy {
  const unknown: UnknownName[] = [];
  const rules = new Map<string, MeshRule>();
  for (const rule of policy.rules) {
    const selectors = (parties: readonly PolicyParty[]) =>
      parties.flatMap((party) => {
        const missing = unknownIn(party, names, rule.name);
        unknown.push(...missing);
        return missing.length > 0 ? [] : [selectorOf(party, names)];
      });
    const to = selectors(rule.to);
    for (const from of selectors(rule.from)) {
      for (const target of to) {
        const compiled = ruleOf(from, target, rule.services, digest);
        rules.set(compiled.id, compiled);
      }
    }
  }
  return { rules: [...rules.values()], unknown };
}

/** What to add and what to remove; in this order, nobody is without what both allow. */
export function policyChanges(
  before: readonly MeshRule[],
  after: readonly MeshRule[],
): { readonly added: readonly MeshRule[]; readonly removed: readonly string[] } {
  const [old, wanted] = [before, after].map((rules) => new Set(rules.map(({ id }) => id)));
  return {
    added: after.filter(({ id }) => !old?.has(id)),
    removed: before.flatMap(({ id }) => (wanted?.has(id) ? [] : [id])),
  };
}

function ruleOf(
  from: Selector,
  to: Selector,
  services: readonly Service[],
  digest: (text: string) => string,
): MeshRule {
  const allowed = services
    .map(({ protocol, ports }) => `${protocol} ${ports?.first ?? ''}-${ports?.last ?? ''}`)
    .toSorted();
  const id = `r${digest(JSON.stringify([keyOf(from), keyOf(to), allowed])).slice(0, ID_DIGITS)}`;
  return { id, from, to, services };
}

function selectorOf({ node, member, labels }: PolicyParty, names: Names): Selector {
  const nodeId = node === undefined ? undefined : names.nodeId(node);
  const memberId = member === undefined ? undefined : names.memberId(member);
  return {
    ...(nodeId === undefined ? {} : { nodes: [nodeId] }),
    ...(memberId === undefined ? {} : { member: memberId }),
    ...(labels === undefined ? {} : { labels }),
  };
}

function unknownIn({ node, member }: PolicyParty, names: Names, rule: string): UnknownName[] {
  const isNode = node === undefined || names.nodeId(node) !== undefined;
  const isMember = member === undefined || names.memberId(member) !== undefined;
  return [
    ...(isNode ? [] : [{ kind: 'node' as const, name: node, rule }]),
    ...(isMember ? [] : [{ kind: 'member' as const, name: member, rule }]),
  ];
}

/** What a verdict is made of. */
export type PolicySubject = Pick<MeshNode, 'id' | 'name' | 'ownerId' | 'labels'>;
