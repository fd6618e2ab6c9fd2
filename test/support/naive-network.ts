import type { MeshRoute, MeshRule } from '../../src/core/services/network/mesh-inputs.js';
import type { MeshNode, NetworkMap } from '../../src/core/types/models/network.js';

import { createHash } from 'node:crypto';

import { setId as idOf } from '../../src/core/services/network/map/groups.js';
import { keyOf, matches, type Selector } from '../../src/core/services/network/selector.js';

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const setId = (selector: Selector) => idOf(keyOf(selector), sha256);
const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);

/**
 * The maps of a grid as one would write them down from the words of the design: for each node look at every rule, every route and every other
 * node. No index, nothing kept, nothing shared with what is tested but the meaning of a selector.
 */
export class NaiveNetwork {
  readonly nodes = new Map<string, MeshNode>();
  readonly rules = new Map<string, MeshRule>();
  readonly routes = new Map<string, MeshRoute>();

  mapOf(id: string): Omit<NetworkMap, 'sequence'> {
    const self = this.nodes.get(id);
    if (!self) throw new Error(`There is no ${id}.`);
    const peers = new Set<string>();
    const sets = new Map<string, Selector>();
    const rules: { id: string; from: string; services: MeshRule['services'] }[] = [];
    for (const edge of this.#edges()) {
      const [isFrom, isTo] = [matches(edge.from, self), matches(edge.to, self)];
      for (const other of this.nodes.values()) {
        if (other.id === id) continue;
        if (isFrom && matches(edge.to, other)) peers.add(other.id);
        if (isTo && matches(edge.from, other)) peers.add(other.id);
      }
      if (isTo && edge.hasSet) sets.set(setId(edge.from), edge.from);
      if (isTo && edge.rule) rules.push({ ...edge.rule, from: setId(edge.from) });
    }
    const { name, publicKey, addresses } = self;
    return {
      self: { id, name, publicKey, addresses },
      peers: [...peers].flatMap((peer) => this.#peer(peer)).toSorted(byId),
      routes: this.#routesOf(self),
      policy: {
        rules: rules.toSorted(byId),
        sets: [...sets]
          .map(([set, selector]) => ({ id: set, members: this.#membersOf(selector, id) }))
          .toSorted(byId),
      },
    };
  }

  *#edges() {
    for (const ownerId of new Set([...this.nodes.values()].map((node) => node.ownerId))) {
      const own = { member: ownerId };
      yield { from: own, to: own, hasSet: true, rule: { id: 'own', services: [] } };
    }
    for (const { id, from, to, services } of this.rules.values()) {
      yield { from, to, hasSet: true, rule: { id, services } };
    }
    for (const { id, source, target, routers } of this.routes.values()) {
      const goal = target === undefined ? undefined : { nodes: [target] };
      if (goal) yield { from: source, to: goal, hasSet: true, rule: { id, services: [] } };
      if (routers.length > 0) yield { from: source, to: { nodes: routers }, hasSet: true };
      if (goal && routers.length > 0) yield { from: goal, to: { nodes: routers }, hasSet: false };
    }
  }

  #peer(id: string) {
    const node = this.nodes.get(id);
    if (!node) return [];
    const { name, publicKey, addresses, endpoints, isOnline } = node;
    return [{ id, name, publicKey, addresses, endpoints, isOnline }];
  }

  #membersOf(selector: Selector, without: string) {
    const members = [...this.nodes.values()].filter((node) => matches(selector, node));
    return members
      .map(({ id }) => id)
      .filter((id) => id !== without)
      .toSorted();
  }

  #routesOf(self: MeshNode) {
    return [...this.routes.values()]
      .filter(
        ({ source, target, routers }) =>
          matches(source, self) || target === self.id || routers.includes(self.id),
      )
      .map(({ source, routers: [via, ...standby], target, health, ...rest }) => ({
        ...rest,
        from: setId(source),
        standby,
        ...(via === undefined ? {} : { via }),
        ...(target === undefined ? {} : { target }),
        ...(health === undefined ? {} : { health }),
      }))
      .toSorted(byId);
  }
}
