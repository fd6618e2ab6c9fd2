import type {
  ChangedPeer,
  MapPeer,
  MapRoute,
  MapRule,
  MeshNode,
} from '../../../types/models/network.js';
import type { Selector } from '../selector.js';
import type { EntryPrints, Fingerprint, KeptPrint } from './fingerprint.js';
import type { Tail } from './tail.js';

/** A node, with what is kept of it so that a change costs no more than those whom it concerns. */
export interface Member {
  node: MeshNode;
  peer: MapPeer;
  /** Of its entry in the maps of others. */
  print: Fingerprint;
  readonly groups: Set<Group>;
  /** Of its entries in sets, made when first needed. */
  readonly prints: WeakMap<Group, Fingerprint>;
  /** Of its own map. */
  readonly hash: KeptPrint;
  /** The last change that concerned it. */
  concernedAt: number;
  readonly tail: Tail;
  /** Its entry in the body of a whole map, as long as it is the same: whoever joins is told hundreds. */
  text?: { readonly edition: number; readonly peer: string };
}

/** Nodes that edges speak of as one. */
export interface Group {
  /** Also that of its set; made of the selector alone, so that it is the same on each replica. */
  readonly id: string;
  readonly selector: Selector;
  readonly print: Fingerprint;
  readonly members: Set<Member>;
  /** Of all members' entries in its set. */
  sum: Fingerprint;
  readonly outgoing: Set<Edge>;
  readonly incoming: Set<Edge>;
  /** Routes whose sources they are. */
  readonly routes: Set<HeldRoute>;
}

/** Who is in `from` and who is in `to` know each other. Everything that makes nodes peers is one of these. */
export interface Edge {
  readonly id: string;
  readonly from: Group;
  readonly to: Group;
  /** Those in `to` have the set of those in `from`. */
  readonly hasSet: boolean;
  /** Those in `to` have this rule. */
  readonly rule?: { readonly entry: MapRule; readonly print: Fingerprint };
}

/** A route as it stands, and who has it: its sources, its routers, its target. */
export interface HeldRoute {
  entry: MapRoute;
  print: Fingerprint;
  readonly sources: Group;
  /** Ids of nodes that forward, and of the target. */
  readonly others: ReadonlySet<string>;
  readonly edges: readonly Edge[];
}

export function peerOf(node: MeshNode): MapPeer {
  const { id, name, publicKey, addresses, endpoints, isOnline } = node;
  return { id, name, publicKey, addresses, endpoints, isOnline };
}

export function memberPrint(member: Member, group: Group, prints: EntryPrints): Fingerprint {
  const known = member.prints.get(group);
  if (known) return known;
  const print = prints.member(group.id, member.node.id);
  member.prints.set(group, print);
  return print;
}

/** What others are told of it. */
export function changedPeer({ peer, groups }: Member): ChangedPeer {
  const sets = [...groups].filter(isSet).map(({ id }) => id);
  return { peer, sets: sets.toSorted() };
}

/** Whether anybody has its set. */
export function isSet(group: Group): boolean {
  for (const edge of group.outgoing) if (edge.hasSet) return true;
  return false;
}
