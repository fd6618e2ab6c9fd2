import type { ChangedPeer, MapDelta } from '../../../types/models/network.js';
import type { Notice } from './tail.js';

import { textOf } from './fingerprint.js';
import { changedTuple, patchTuple, routeTuple, ruleTuple, selfTuple, setTuple } from './tuples.js';

/**
 * What a node is told is a head of its own, a line, and a body that it shares with all whom the change concerns in the same way: a sender puts
 * the one before the other and serialises nothing.
 */
export interface Told {
  readonly nodeId: string;
  readonly notice: Notice;
  /** The body is a map, and not what has changed in one. */
  readonly isWhole: boolean;
}

const encoder = new TextEncoder();

/** The change, how many there were since the last that concerned this node, and the hash of its map after it. */
export function headOf({ notice, isWhole }: Pick<Told, 'notice' | 'isWhole'>): string {
  const { sequence, previous, hash } = notice;
  return `[${sequence},${isWhole ? 'null' : sequence - previous},"${textOf(hash)}"]\n`;
}

/** @param peers - such as are written already, in the place of `peersChanged`. */
export function bodyOf(delta: MapDelta, peers?: readonly string[]): Uint8Array {
  const text = JSON.stringify({
    self: delta.self && selfTuple(delta.self),
    noRules: delta.rulesRemoved,
    noRoutes: delta.routesRemoved,
    noSets: delta.setsRemoved,
    noPeers: delta.peersRemoved,
    sets: delta.setsAdded?.map(setTuple),
    p: delta.peersChanged?.map(changedTuple),
    patch: delta.peersPatched?.map(patchTuple),
    rules: delta.rulesAdded?.map(ruleTuple),
    routes: delta.routesChanged?.map(routeTuple),
  });
  if (!peers || peers.length === 0) return encoder.encode(text);
  // What is around the peers joins the first and the last of them: put around the joined text, it would have that copied once more.
  const pieces = [...peers];
  pieces[0] = `{"p":[${pieces[0]}`;
  pieces.push(`${pieces.pop()}],${text.slice(1)}`);
  return encoder.encode(pieces.join(','));
}

/** A peer as it stands in a body. */
export function peerText(changed: ChangedPeer): string {
  return JSON.stringify(changedTuple(changed));
}
