import type { MapDelta, MapPeer, NetworkMap } from '../../../types/models/network.js';
import type { Frame } from './decode.js';

import { type Digest, hashOf } from './fingerprint.js';

/** What came of a frame: a map, or why a whole one has to be asked for. */
export type Followed =
  | { readonly kind: 'applied'; readonly map: NetworkMap; readonly hash: string }
  /** Something between what is held and this was missed. */
  | { readonly kind: 'behind' }
  /** It is not what the daemon has. */
  | { readonly kind: 'different' };

/** Applies a frame to what a node holds. Never half: either the map is the daemon's, or the old one stays. */
export function follow(held: NetworkMap | undefined, frame: Frame, digest: Digest): Followed {
  const isWhole = frame.previous === undefined;
  const base = isWhole ? emptyMap(frame.delta.self) : held;
  if (!base || (!isWhole && base.sequence !== frame.previous)) return { kind: 'behind' };
  const map = applyDelta(base, frame.delta, frame.sequence);
  const hash = hashOf(map, digest);
  return hash === frame.hash ? { kind: 'applied', map, hash } : { kind: 'different' };
}

function emptyMap(self: NetworkMap['self'] | undefined): NetworkMap | undefined {
  return self && { sequence: 0, self, peers: [], routes: [], policy: { rules: [], sets: [] } };
}

function applyDelta(map: NetworkMap, delta: MapDelta, sequence: number): NetworkMap {
  const self = delta.self ?? map.self;
  const sets = new Map(map.policy.sets.map(({ id, members }) => [id, new Set(members)]));
  for (const id of delta.setsRemoved ?? []) sets.delete(id);
  for (const { id, members } of delta.setsAdded ?? []) sets.set(id, new Set(members));
  const peers = new Map(map.peers.map((peer) => [peer.id, peer]));
  for (const id of delta.peersRemoved ?? []) {
    peers.delete(id);
    for (const members of sets.values()) members.delete(id);
  }
  for (const { peer, sets: places } of delta.peersChanged ?? []) {
    peers.set(peer.id, peer);
    for (const [id, members] of sets) {
      if (places.includes(id)) members.add(peer.id);
      else members.delete(peer.id);
    }
  }
  for (const patch of delta.peersPatched ?? []) {
    const peer = peers.get(patch.id);
    if (peer) peers.set(peer.id, { ...peer, ...patch });
  }
  // A change that is about a node and others alike names it to itself too.
  peers.delete(self.id);
  for (const members of sets.values()) members.delete(self.id);
  return {
    sequence,
    self,
    peers: inOrder<MapPeer>([...peers.values()]),
    routes: changed(map.routes, delta.routesRemoved, delta.routesChanged),
    policy: {
      rules: changed(map.policy.rules, delta.rulesRemoved, delta.rulesAdded),
      sets: inOrder([...sets].map(([id, members]) => ({ id, members: [...members].toSorted() }))),
    },
  };
}

function changed<T extends { readonly id: string }>(
  before: readonly T[],
  gone: readonly string[] = [],
  added: readonly T[] = [],
): readonly T[] {
  const entries = new Map(before.map((one) => [one.id, one]));
  for (const id of gone) entries.delete(id);
  for (const one of added) entries.set(one.id, one);
  return inOrder([...entries.values()]);
}

function inOrder<T extends { readonly id: string }>(entries: readonly T[]): readonly T[] {
  return entries.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
