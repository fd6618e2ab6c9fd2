import type { MapRoute, MeshNode } from '../../../types/models/network.js';
import type { MeshRoute, MeshRule } from '../mesh-inputs.js';
import type { Edge, Group, HeldRoute, Member } from './records.js';

import { type Digest, type EntryPrints, entryPrints, KeptPrint } from './fingerprint.js';
import { keyOf } from '../selector.js';
import { peerText } from './frame.js';
import { Groups } from './groups.js';
import { changedPeer, peerOf } from './records.js';
import { Tail } from './tail.js';

/** The rule that a member's own nodes have of each other. A node has one owner, so it has one of these. */
const OWN = 'own';

/** Who knows whom, and why: nodes, the groups they are in, and the edges between groups. */
export class Graph {
  readonly prints: EntryPrints;
  readonly members = new Map<string, Member>();
  /** Rises whenever another group may have become a set, or none. */
  #edition = 0;
  readonly #groups: Groups;
  readonly #rules = new Map<string, Edge>();
  readonly #own = new Map<string, Edge>();
  readonly #routes = new Map<string, HeldRoute>();
  readonly #routesByNode = new Map<string, Set<HeldRoute>>();

  constructor(digest: Digest) {
    this.prints = entryPrints(digest);
    this.#groups = new Groups(digest, this.prints);
  }

  add(node: MeshNode): Member {
    const peer = peerOf(node);
    const member: Member = {
      node,
      peer,
      print: this.prints.peer(peer),
      groups: new Set(),
      prints: new WeakMap(),
      hash: new KeptPrint(),
      concernedAt: 0,
      tail: new Tail(),
    };
    this.members.set(node.id, member);
    this.#enter(member);
    return member;
  }

  remove(member: Member): void {
    this.members.delete(member.node.id);
    this.#leave(member);
  }

  /** The same node, with another owner, other labels, or whatever else. */
  replace(member: Member, node: MeshNode): void {
    this.#leave(member);
    this.describe(member, node);
    this.#enter(member);
  }

  /** What others are told of a node, where the groups that it is in stay the same. */
  describe(member: Member, node: MeshNode): void {
    member.node = node;
    member.peer = peerOf(node);
    member.print = this.prints.peer(member.peer);
    delete member.text;
  }

  /** A node as it is written in a whole map. */
  textOf(member: Member): string {
    if (member.text?.edition !== this.#edition) {
      member.text = { edition: this.#edition, peer: peerText(changedPeer(member)) };
    }
    return member.text.peer;
  }

  /** Nodes that a rule like this is about. */
  concerned({ from, to }: Pick<MeshRule, 'from' | 'to'>): Set<Member> {
    return new Set([...this.#groups.select(from), ...this.#groups.select(to)]);
  }

  rule(id: string): Edge | undefined {
    return this.#rules.get(id);
  }

  addRule({ id, from, to, services }: MeshRule): void {
    this.#edition += 1;
    const sources = this.#groups.for(from);
    const entry = { id, from: sources.id, services };
    const rule = { entry, print: this.prints.rule(entry) };
    this.#rules.set(
      id,
      this.#link({ id, from: sources, to: this.#groups.for(to), hasSet: true, rule }),
    );
  }

  removeRule(edge: Edge): void {
    this.#edition += 1;
    this.#rules.delete(edge.id);
    this.#unlink(edge);
  }

  route(id: string): HeldRoute | undefined {
    return this.#routes.get(id);
  }

  addRoute(route: MeshRoute): void {
    this.#edition += 1;
    const { id, target, routers } = route;
    const sources = this.#groups.for(route.source);
    const entry = routeEntry(route, sources);
    const edges: Edge[] = [];
    const goal = target === undefined ? undefined : this.#groups.for({ nodes: [target] });
    if (goal) {
      // Who may send along the route may talk to what is at its end.
      const allowed = { id, from: sources.id, services: [] };
      const rule = { entry: allowed, print: this.prints.rule(allowed) };
      edges.push(this.#link({ id, from: sources, to: goal, hasSet: true, rule }));
    }
    if (routers.length > 0) {
      const between = this.#groups.for({ nodes: routers });
      edges.push(this.#link({ id, from: sources, to: between, hasSet: true }));
      if (goal) edges.push(this.#link({ id, from: goal, to: between, hasSet: false }));
    }
    const others = othersOf(route);
    const held = { entry, print: this.prints.route(entry), sources, others, edges };
    this.#routes.set(id, held);
    sources.routes.add(held);
    for (const node of others) {
      const known = this.#routesByNode.get(node) ?? new Set();
      this.#routesByNode.set(node, known.add(held));
    }
  }

  removeRoute(held: HeldRoute): void {
    this.#edition += 1;
    this.#routes.delete(held.entry.id);
    held.sources.routes.delete(held);
    for (const node of held.others) {
      const known = this.#routesByNode.get(node);
      known?.delete(held);
      if (known?.size === 0) this.#routesByNode.delete(node);
    }
    for (const edge of held.edges) this.#unlink(edge);
    this.#groups.release(held.sources);
  }

  /** Nodes that would have a part in a route like this. */
  routeConcerned(route: MeshRoute): Set<Member> {
    const present = [...othersOf(route)].flatMap((id) => this.members.get(id) ?? []);
    return new Set([...this.#groups.select(route.source), ...present]);
  }

  /** Whether a route differs in nothing that makes nodes peers. */
  isReordered({ sources, others, entry }: HeldRoute, route: MeshRoute): boolean {
    const wanted = othersOf(route);
    return (
      keyOf(sources.selector) === keyOf(route.source) &&
      entry.target === route.target &&
      wanted.size === others.size &&
      [...wanted].every((id) => others.has(id))
    );
  }

  /** The same nodes in another order: nobody gains or loses a peer. */
  reorderRoute(held: HeldRoute, route: MeshRoute): void {
    held.entry = routeEntry(route, held.sources);
    held.print = this.prints.route(held.entry);
  }

  /** Sources, routers and target of a route. */
  holders({ sources, others }: Pick<HeldRoute, 'sources' | 'others'>): Set<Member> {
    const present = [...others].flatMap((id) => this.members.get(id) ?? []);
    return new Set([...sources.members, ...present]);
  }

  routesOf(member: Member): Set<HeldRoute> {
    const routes = new Set(this.#routesByNode.get(member.node.id));
    for (const group of member.groups) for (const route of group.routes) routes.add(route);
    return routes;
  }

  #enter(member: Member): void {
    const { ownerId } = member.node;
    if (!this.#own.has(ownerId)) {
      const group = this.#groups.for({ member: ownerId });
      const entry = { id: OWN, from: group.id, services: [] };
      const rule = { entry, print: this.prints.rule(entry) };
      this.#own.set(ownerId, this.#link({ id: OWN, from: group, to: group, hasSet: true, rule }));
    }
    this.#groups.add(member);
  }

  #leave(member: Member): void {
    this.#groups.remove(member);
    const own = this.#own.get(member.node.ownerId);
    if (!own || own.from.members.size > 0) return;
    this.#own.delete(member.node.ownerId);
    this.#unlink(own);
  }

  #link(edge: Edge): Edge {
    edge.from.outgoing.add(edge);
    edge.to.incoming.add(edge);
    return edge;
  }

  #unlink(edge: Edge): void {
    edge.from.outgoing.delete(edge);
    edge.to.incoming.delete(edge);
    this.#groups.release(edge.from);
    this.#groups.release(edge.to);
  }
}

function othersOf({ routers, target }: MeshRoute): ReadonlySet<string> {
  return new Set([...routers, ...(target === undefined ? [] : [target])]);
}

function routeEntry(route: MeshRoute, sources: Group): MapRoute {
  const { id, destinations, target, metric, health } = route;
  const [via, ...standby] = route.routers;
  return {
    id,
    destinations,
    ...(target === undefined ? {} : { target }),
    from: sources.id,
    ...(via === undefined ? {} : { via }),
    standby,
    metric,
    ...(health === undefined ? {} : { health }),
  };
}
