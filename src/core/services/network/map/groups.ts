import type { MeshNode } from '../../../types/models/network.js';

import { cluesOf, keyOf, matches, type Selector, traitsOf } from '../selector.js';
import { type Digest, type EntryPrints, minus, NOTHING, plus } from './fingerprint.js';
import { type Group, type Member, memberPrint } from './records.js';

/** Of a digest: nine letters and digits of 46 bits, so that among ten thousand groups two are alike in one grid of a million. */
const ID_DIGITS = 12;
const ID_LETTERS = 9;
const ID_RADIX = 36;

/** Which nodes are in which groups, found by what they have in common and never by looking through all. */
export class Groups {
  readonly #digest: Digest;
  readonly #prints: EntryPrints;
  readonly #groups = new Map<string, Group>();
  readonly #groupsByClue = new Map<string, Set<Group>>();
  readonly #membersByTrait = new Map<string, Set<Member>>();

  constructor(digest: Digest, prints: EntryPrints) {
    this.#digest = digest;
    this.#prints = prints;
  }

  /** Nodes that a selector fits. */
  *select(selector: Selector): Iterable<Member> {
    for (const clue of cluesOf(selector)) {
      for (const member of this.#membersByTrait.get(clue) ?? []) {
        if (matches(selector, member.node)) yield member;
      }
    }
  }

  /** The groups that a node like this is in. */
  *of(node: MeshNode): Iterable<Group> {
    for (const trait of traitsOf(node)) {
      for (const group of this.#groupsByClue.get(trait) ?? []) {
        if (matches(group.selector, node)) yield group;
      }
    }
  }

  /** The group of a selector, made where there is none. */
  for(selector: Selector): Group {
    const key = keyOf(selector);
    const known = this.#groups.get(key);
    if (known) return known;
    const id = setId(key, this.#digest);
    const group: Group = {
      id,
      selector,
      print: this.#prints.set(id),
      members: new Set(),
      sum: NOTHING,
      outgoing: new Set(),
      incoming: new Set(),
      routes: new Set(),
    };
    this.#groups.set(key, group);
    for (const clue of cluesOf(selector)) held(this.#groupsByClue, clue).add(group);
    for (const member of this.select(selector)) this.#enter(member, group);
    return group;
  }

  /** Lets go of a group that nothing speaks of any more. What it was can still be read. */
  release(group: Group): void {
    if (group.outgoing.size + group.incoming.size + group.routes.size > 0) return;
    this.#groups.delete(keyOf(group.selector));
    for (const clue of cluesOf(group.selector)) dropped(this.#groupsByClue, clue, group);
    for (const member of group.members) member.groups.delete(group);
  }

  add(member: Member): void {
    for (const trait of traitsOf(member.node)) held(this.#membersByTrait, trait).add(member);
    for (const group of this.of(member.node)) this.#enter(member, group);
  }

  remove(member: Member): void {
    for (const trait of traitsOf(member.node)) dropped(this.#membersByTrait, trait, member);
    for (const group of member.groups) {
      group.members.delete(member);
      group.sum = minus(group.sum, memberPrint(member, group, this.#prints));
    }
    member.groups.clear();
  }

  #enter(member: Member, group: Group): void {
    if (group.members.has(member)) return;
    group.members.add(member);
    group.sum = plus(group.sum, memberPrint(member, group, this.#prints));
    member.groups.add(group);
  }
}

/** A letter first, so that a firewall takes it as a name. */
export function setId(key: string, digest: Digest): string {
  const number = Number.parseInt(digest(key).slice(0, ID_DIGITS), 16);
  return `s${number.toString(ID_RADIX).padStart(ID_LETTERS, '0').slice(-ID_LETTERS)}`;
}

function held<T>(index: Map<string, Set<T>>, key: string): Set<T> {
  const known = index.get(key) ?? new Set<T>();
  index.set(key, known);
  return known;
}

function dropped<T>(index: Map<string, Set<T>>, key: string, one: T): void {
  const known = index.get(key);
  known?.delete(one);
  if (known?.size === 0) index.delete(key);
}
