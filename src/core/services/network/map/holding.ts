import type { MapSet, NetworkMap } from '../../../types/models/network.js';
import type { Graph } from './graph.js';
import type { Edge, Group, HeldRoute, Member } from './records.js';

import { type EntryPrints, type Fingerprint, minus, plus } from './fingerprint.js';
import { memberPrint } from './records.js';

type Rule = NonNullable<Edge['rule']>;

/** All that a map is made of, before it is written. */
export interface Holding {
  /** Itself among them, as one of its owner's. */
  readonly peers: ReadonlySet<Member>;
  readonly sets: ReadonlySet<Group>;
  readonly rules: ReadonlySet<Rule>;
  readonly routes: ReadonlySet<HeldRoute>;
}

/** Work grows with the peers of this one node, and with nothing else. */
export function holdingOf(member: Member, graph: Graph): Holding {
  const peers = new Set<Member>();
  const sets = new Set<Group>();
  const rules = new Set<Rule>();
  for (const group of member.groups) {
    for (const { to } of group.outgoing) for (const other of to.members) peers.add(other);
    for (const { from, hasSet, rule } of group.incoming) {
      for (const other of from.members) peers.add(other);
      if (hasSet) sets.add(from);
      if (rule) rules.add(rule);
    }
  }
  return { peers, sets, rules, routes: graph.routesOf(member) };
}

/** Whom a node knows, itself never. */
export function peersOf(member: Member): Set<Member> {
  const peers = new Set<Member>();
  for (const { outgoing, incoming } of member.groups) {
    for (const { to } of outgoing) for (const other of to.members) peers.add(other);
    for (const { from } of incoming) for (const other of from.members) peers.add(other);
  }
  peers.delete(member);
  return peers;
}

/** What a node adds to the hash of each of those that know it: its entry, and its place in such sets as they have. */
export function shareOf(member: Member, prints: EntryPrints): (other: Member) => Fingerprint {
  const places = [...member.groups].flatMap((group) => {
    const holders = [...group.outgoing].flatMap(({ hasSet, to }) => (hasSet ? [to.members] : []));
    return holders.length > 0 ? [{ print: memberPrint(member, group, prints), holders }] : [];
  });
  return (other) => {
    let sum = member.print;
    for (const { print, holders } of places) {
      if (holders.some((members) => members.has(other))) sum = plus(sum, print);
    }
    return sum;
  };
}

export function printOf(member: Member, holding: Holding, prints: EntryPrints): Fingerprint {
  let sum = prints.self(member.peer);
  for (const peer of holding.peers) if (peer !== member) sum = plus(sum, peer.print);
  for (const set of holding.sets) sum = plus(sum, setPrint(set, member, prints));
  for (const { print } of holding.rules) sum = plus(sum, print);
  for (const { print } of holding.routes) sum = plus(sum, print);
  return sum;
}

/** A set with all its members but the one that has it. */
export function setPrint(set: Group, member: Member, prints: EntryPrints): Fingerprint {
  const whole = plus(set.print, set.sum);
  return set.members.has(member) ? minus(whole, memberPrint(member, set, prints)) : whole;
}

export function setOf({ id, members }: Group): MapSet {
  return { id, members: [...members].map(({ node }) => node.id).toSorted() };
}

export function selfOf({ peer }: Member): NetworkMap['self'] {
  const { id, name, publicKey, addresses } = peer;
  return { id, name, publicKey, addresses };
}

export function mapOf(member: Member, holding: Holding): NetworkMap {
  const others = [...holding.peers].filter((peer) => peer !== member);
  const sets = [...holding.sets].map((set) => {
    const { id, members } = setOf(set);
    return { id, members: members.filter((one) => one !== member.node.id) };
  });
  return {
    sequence: member.concernedAt,
    self: selfOf(member),
    peers: others.map(({ peer }) => peer).toSorted(byId),
    routes: [...holding.routes].map(({ entry }) => entry).toSorted(byId),
    policy: {
      rules: [...holding.rules].map(({ entry }) => entry).toSorted(byId),
      sets: sets.toSorted(byId),
    },
  };
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}
