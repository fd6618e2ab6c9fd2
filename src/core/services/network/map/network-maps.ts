import type {
  MapAcknowledgement,
  MapDelta,
  MeshNode,
  NetworkMap,
  PeerPatch,
} from '../../../types/models/network.js';
import type { MeshRoute, MeshRule } from '../mesh-inputs.js';
import type { Digest, Fingerprint } from './fingerprint.js';
import type { Told } from './frame.js';
import type { Member } from './records.js';
import type { Notice } from './tail.js';

import { AppError } from '../../../types/errors/app-error.js';
import { differenceOf } from './changes.js';
import { isSame, plus, textOf } from './fingerprint.js';
import { bodyOf } from './frame.js';
import { Graph } from './graph.js';
import { type Holding, holdingOf, mapOf, peersOf, printOf, selfOf, shareOf } from './holding.js';
import { Identities } from './identities.js';
import { changedPeer } from './records.js';

/** What a node that comes back is to be told. */
export type Resumed =
  | { readonly kind: 'current' }
  /** It was told by a replica that has read further than this one: the answer is to wait until this one has. */
  | { readonly kind: 'ahead' }
  | { readonly kind: 'changes'; readonly told: readonly Told[] }
  | { readonly kind: 'whole'; readonly told: Told };

/**
 * The maps of all nodes, kept so that a change costs what it changes. Each operation says whom it concerns, in the order in which they are to be
 * told: a node that is new comes last, when those that it will call know it (a responder that does not lets five seconds pass).
 *
 * It holds no more than rules, and comes from the database at a start: the sequences are the database's, and the hash of a map does not depend
 * on how it came about, so any replica can tell whether what an agent has is right.
 */
export class NetworkMaps {
  readonly #graph: Graph;
  readonly #identities = new Identities();
  #sequence = 0;

  constructor(digest: Digest) {
    this.#graph = new Graph(digest);
  }

  /** All there is, at a start. Nobody is told: who comes says what it has. @throws {AppError} MESH_DUPLICATE. */
  load(
    all: {
      readonly nodes: readonly MeshNode[];
      readonly rules: readonly MeshRule[];
      readonly routes: readonly MeshRoute[];
    },
    sequence: number,
  ): void {
    this.#advance(sequence);
    for (const node of all.nodes) this.#identities.take(node);
    for (const node of all.nodes) this.#graph.add(node);
    for (const rule of all.rules) this.#graph.addRule(rule);
    for (const route of all.routes) this.#graph.addRoute(route);
    for (const member of this.#graph.members.values()) {
      member.hash.value = printOf(member, holdingOf(member, this.#graph), this.#graph.prints);
      member.concernedAt = sequence;
    }
  }

  /** @throws {AppError} MESH_DUPLICATE: its id, its key or an address is another's. */
  nodeJoined(node: MeshNode, sequence: number): readonly Told[] {
    this.#advance(sequence);
    this.#identities.take(node);
    const member = this.#graph.add(node);
    const body = bodyOf({ peersChanged: [changedPeer(member)] });
    const share = shareOf(member, this.#graph.prints);
    const holding = holdingOf(member, this.#graph);
    const told: Told[] = [];
    for (const peer of holding.peers) {
      if (peer !== member) told.push(this.#tell(peer, peer.hash.plus(share(peer)), body));
    }
    member.hash.value = printOf(member, holding, this.#graph.prints);
    member.concernedAt = sequence;
    told.push(this.#whole(member, holding));
    return told;
  }

  /** @throws {AppError} NODE_NOT_FOUND. */
  nodeLeft(id: string, sequence: number): readonly Told[] {
    const member = this.#member(id);
    this.#advance(sequence);
    const share = shareOf(member, this.#graph.prints);
    const shares = [...peersOf(member)].map((peer) => [peer, share(peer)] as const);
    this.#graph.remove(member);
    this.#identities.leave(member.node);
    const body = bodyOf({ peersRemoved: [id] });
    return shares.map(([peer, gone]) => this.#tell(peer, peer.hash.minus(gone), body));
  }

  /** What changes often, and concerns nobody but its peers. @throws {AppError} NODE_NOT_FOUND, MESH_DUPLICATE. */
  nodePatched(patch: PeerPatch, sequence: number): readonly Told[] {
    const member = this.#member(patch.id);
    const node = { ...member.node, ...patch };
    this.#advance(sequence);
    this.#identities.replace(member.node, node);
    const before = member.print;
    const self = this.#graph.prints.self(member.peer);
    this.#graph.describe(member, node);
    if (isSame(before, member.print)) return [];
    const body = bodyOf({ peersPatched: [patch] });
    const told = [...peersOf(member)].map((peer) =>
      this.#tell(peer, plus(peer.hash.minus(before), member.print), body),
    );
    return [...told, ...this.#tellOfSelf(member, self)];
  }

  /** Anything else: a name, an owner, labels, addresses. @throws {AppError} NODE_NOT_FOUND, MESH_DUPLICATE. */
  nodeChanged(node: MeshNode, sequence: number): readonly Told[] {
    const member = this.#member(node.id);
    this.#advance(sequence);
    this.#identities.replace(member.node, node);
    const { prints } = this.#graph;
    const old = { self: prints.self(member.peer), holding: holdingOf(member, this.#graph) };
    const oldShare = shareOf(member, prints);
    const shares = new Map([...peersOf(member)].map((peer) => [peer, oldShare(peer)]));
    this.#graph.replace(member, node);
    const [share, peers] = [shareOf(member, prints), peersOf(member)];
    const changed = bodyOf({ peersChanged: [changedPeer(member)] });
    const gone = bodyOf({ peersRemoved: [node.id] });
    const told: Told[] = [];
    for (const [peer, was] of shares) {
      if (!peers.has(peer)) told.push(this.#tell(peer, peer.hash.minus(was), gone));
    }
    for (const peer of peers) {
      const [was, is] = [shares.get(peer), share(peer)];
      if (was && isSame(was, is)) continue;
      told.push(this.#tell(peer, plus(was ? peer.hash.minus(was) : peer.hash.value, is), changed));
    }
    const after = holdingOf(member, this.#graph);
    const { shift, delta } = differenceOf(member, old.holding, after, prints);
    const self = prints.self(member.peer);
    const hash = plus(member.hash.minus(old.self), plus(shift, self));
    if (isSame(hash, member.hash.value)) return told;
    return [...told, this.#tell(member, hash, bodyOf({ self: selfOf(member), ...delta() }))];
  }

  /** @throws {AppError} INPUT_INVALID: there is one with this id, which says the same. */
  ruleAdded(rule: MeshRule, sequence: number): readonly Told[] {
    if (this.#graph.rule(rule.id)) throw taken(rule.id);
    this.#advance(sequence);
    return this.#changing(this.#graph.concerned(rule), () => this.#graph.addRule(rule));
  }

  /** Nobody, where there is no such rule. */
  ruleRemoved(id: string, sequence: number): readonly Told[] {
    this.#advance(sequence);
    const edge = this.#graph.rule(id);
    if (!edge) return [];
    const concerned = new Set([...edge.from.members, ...edge.to.members]);
    return this.#changing(concerned, () => this.#graph.removeRule(edge));
  }

  /** A route that is new, or another. Where only its routers have changed places, nothing is looked at but those that have it. */
  routeSet(route: MeshRoute, sequence: number): readonly Told[] {
    this.#advance(sequence);
    const held = this.#graph.route(route.id);
    if (held && this.#graph.isReordered(held, route)) {
      const before = held.print;
      this.#graph.reorderRoute(held, route);
      if (isSame(before, held.print)) return [];
      const body = bodyOf({ routesChanged: [held.entry] });
      return [...this.#graph.holders(held)].map((member) =>
        this.#tell(member, plus(member.hash.minus(before), held.print), body),
      );
    }
    const concerned = this.#graph.routeConcerned(route);
    for (const member of held ? this.#graph.holders(held) : []) concerned.add(member);
    return this.#changing(concerned, () => {
      if (held) this.#graph.removeRoute(held);
      this.#graph.addRoute(route);
    });
  }

  /** Nobody, where there is no such route. */
  routeRemoved(id: string, sequence: number): readonly Told[] {
    this.#advance(sequence);
    const held = this.#graph.route(id);
    if (!held) return [];
    return this.#changing(this.#graph.holders(held), () => this.#graph.removeRoute(held));
  }

  /** @throws {AppError} NODE_NOT_FOUND. */
  mapOf(id: string): NetworkMap {
    const member = this.#member(id);
    return mapOf(member, holdingOf(member, this.#graph));
  }

  /** What a node that has applied everything acknowledges. @throws {AppError} NODE_NOT_FOUND. */
  expected(id: string): MapAcknowledgement {
    const { concernedAt, hash } = this.#member(id);
    return { sequence: concernedAt, hash: textOf(hash.value) };
  }

  /**
   * What a node that comes back with this is to be told. Where the hash is right, it has all there is, whichever replica told it, and whenever.
   * @throws {AppError} NODE_NOT_FOUND.
   */
  resume(id: string, has?: MapAcknowledgement): Resumed {
    const member = this.#member(id);
    if (has && has.sequence > this.#sequence) return { kind: 'ahead' };
    if (has && has.hash === textOf(member.hash.value))
      return this.#renumbered(member, has.sequence);
    const missed = has && member.tail.after(has.sequence, has.hash);
    if (missed) {
      const told = missed.map((notice) => ({ nodeId: id, notice, isWhole: false }));
      return { kind: 'changes', told };
    }
    return { kind: 'whole', told: this.#whole(member, holdingOf(member, this.#graph)) };
  }

  /** The map is right. A replica that was started since counts from another change, which is all that the node has to learn. */
  #renumbered(member: Member, previous: number): Resumed {
    const { node, concernedAt } = member;
    if (previous === concernedAt) return { kind: 'current' };
    const hash = member.hash.value;
    const notice = { sequence: concernedAt, previous, hash, body: bodyOf({}) };
    return { kind: 'changes', told: [{ nodeId: node.id, notice, isWhole: false }] };
  }

  #changing(concerned: ReadonlySet<Member>, change: () => void): readonly Told[] {
    const before = new Map<Member, Holding>();
    for (const member of concerned) before.set(member, holdingOf(member, this.#graph));
    change();
    const bodies = new Map<string, Uint8Array>();
    return [...before].flatMap(([member, held]) => {
      const after = holdingOf(member, this.#graph);
      const { key, shift, delta } = differenceOf(member, held, after, this.#graph.prints);
      const hash = member.hash.plus(shift);
      if (isSame(hash, member.hash.value)) return [];
      const body = bodies.get(key) ?? bodyOf(delta());
      bodies.set(key, body);
      return [this.#tell(member, hash, body)];
    });
  }

  #tellOfSelf(member: Member, before: Fingerprint): readonly Told[] {
    const after = this.#graph.prints.self(member.peer);
    if (isSame(before, after)) return [];
    const body = bodyOf({ self: selfOf(member) });
    return [this.#tell(member, plus(member.hash.minus(before), after), body)];
  }

  #tell(member: Member, hash: Fingerprint, body: Uint8Array): Told {
    const previous = member.concernedAt;
    const notice: Notice = { sequence: this.#sequence, previous, hash, body };
    member.tail.push(notice, member.hash);
    member.hash.value = hash;
    member.concernedAt = this.#sequence;
    return { nodeId: member.node.id, notice, isWhole: false };
  }

  #whole(member: Member, holding: Holding): Told {
    const others = [...holding.peers].filter((peer) => peer !== member);
    const delta: MapDelta = {
      self: selfOf(member),
      setsAdded: [...holding.sets].map(({ id }) => ({ id, members: [] })),
      rulesAdded: [...holding.rules].map(({ entry }) => entry),
      routesChanged: [...holding.routes].map(({ entry }) => entry),
    };
    const { concernedAt } = member;
    const body = bodyOf(
      delta,
      others.map((peer) => this.#graph.textOf(peer)),
    );
    const notice = { sequence: concernedAt, previous: 0, hash: member.hash.value, body };
    return { nodeId: member.node.id, notice, isWhole: true };
  }

  #member(id: string): Member {
    const member = this.#graph.members.get(id);
    if (member) return member;
    throw new AppError('NODE_NOT_FOUND', 'That node is not in the mesh.', { node: id });
  }

  /** Changes come in the order of the database; one that does not would be lost to whoever resumes. */
  #advance(sequence: number): void {
    if (sequence <= this.#sequence) {
      throw new AppError(
        'INTERNAL',
        `Change ${sequence} of the network came after ${this.#sequence}.`,
      );
    }
    this.#sequence = sequence;
  }
}

function taken(id: string): AppError {
  return new AppError('INPUT_INVALID', `There is a rule ${id} already.`, { rule: id });
}
