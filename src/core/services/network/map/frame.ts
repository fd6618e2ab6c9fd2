import type { MapDelta } from '../../../types/models/network.js';
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

export function headOf({ notice, isWhole }: Pick<Told, 'notice' | 'isWhole'>): string {
  const { sequence, previous, hash } = notice;
  return `${JSON.stringify([sequence, isWhole ? null : previous, textOf(hash)])}\n`;
}

export function bodyOf(delta: MapDelta): Uint8Array {
  const text = JSON.stringify({
    self: delta.self && selfTuple(delta.self),
    rulesGone: delta.rulesRemoved,
    routesGone: delta.routesRemoved,
    setsGone: delta.setsRemoved,
    gone: delta.peersRemoved,
    sets: delta.setsAdded?.map(setTuple),
    peers: delta.peersChanged?.map(changedTuple),
    patch: delta.peersPatched?.map(patchTuple),
    rules: delta.rulesAdded?.map(ruleTuple),
    routes: delta.routesChanged?.map(routeTuple),
  });
  return encoder.encode(text);
}
