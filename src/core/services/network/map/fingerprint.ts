import type { MapPeer, MapRoute, MapRule, NetworkMap } from '../../../types/models/network.js';

import { peerTuple, routeTuple, ruleTuple, selfTuple } from './tuples.js';

/** SHA-256 of a text, in hexadecimal digits. */
export type Digest = (text: string) => string;

/**
 * What a map comes to: the sum of the digests of its entries, in four lanes of 24 bits. A sum does not mind the order and can be changed by one
 * entry, so a delta costs its entries and not the map (Bellare and Micciancio, "A New Paradigm for Collision-Free Hashing", 1997). It finds
 * what was lost or forgotten; against somebody who forges maps stands the connection that they come over.
 */
export type Fingerprint = readonly [number, number, number, number];

export const NOTHING: Fingerprint = [0, 0, 0, 0];

const LANE_DIGITS = 6;
/** A lane stays a small integer of the engine, and is four letters of base64. */
const LANE = 0xff_ff_ff;
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** Each two letters for twelve bits. */
const PAIRS = LETTERS.split('').flatMap((a) => LETTERS.split('').map((b) => a + b));

export function plus(a: Fingerprint, b: Fingerprint): Fingerprint {
  return [(a[0] + b[0]) & LANE, (a[1] + b[1]) & LANE, (a[2] + b[2]) & LANE, (a[3] + b[3]) & LANE];
}

export function minus(a: Fingerprint, b: Fingerprint): Fingerprint {
  return [(a[0] - b[0]) & LANE, (a[1] - b[1]) & LANE, (a[2] - b[2]) & LANE, (a[3] - b[3]) & LANE];
}

/**
 * A fingerprint that stays while what it is of changes. Each join shifts those of hundreds of nodes: lists made anew for them would outlive the
 * join, and the collector would carry every one of them along.
 */
export class KeptPrint {
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;

  get value(): Fingerprint {
    return [this.#a, this.#b, this.#c, this.#d];
  }

  /** What it comes to with this; it stays as it is. */
  plus(print: Fingerprint): Fingerprint {
    return [
      (this.#a + print[0]) & LANE,
      (this.#b + print[1]) & LANE,
      (this.#c + print[2]) & LANE,
      (this.#d + print[3]) & LANE,
    ];
  }

  minus(print: Fingerprint): Fingerprint {
    return [
      (this.#a - print[0]) & LANE,
      (this.#b - print[1]) & LANE,
      (this.#c - print[2]) & LANE,
      (this.#d - print[3]) & LANE,
    ];
  }

  set value(print: Fingerprint) {
    this.#a = print[0];
    this.#b = print[1];
    this.#c = print[2];
    this.#d = print[3];
  }
}

export function isSame(a: Fingerprint, b: Fingerprint): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}

/** Sixteen letters and digits. */
export function textOf(print: Fingerprint): string {
  return laneText(print[0]) + laneText(print[1]) + laneText(print[2]) + laneText(print[3]);
}

function laneText(lane: number): string {
  return `${PAIRS[lane >> 12]}${PAIRS[lane & 0xfff]}`;
}

/** The fingerprint of each kind of entry. */
export function entryPrints(digest: Digest) {
  const printOf = (kind: string, content: unknown): Fingerprint => {
    const hex = digest(`${kind} ${JSON.stringify(content)}`);
    const lane = (index: number) =>
      Number.parseInt(hex.slice(index * LANE_DIGITS, (index + 1) * LANE_DIGITS), 16);
    return [lane(0), lane(1), lane(2), lane(3)];
  };
  return {
    self: (self: NetworkMap['self']) => printOf('self', selfTuple(self)),
    peer: (peer: MapPeer) => printOf('peer', peerTuple(peer)),
    set: (id: string) => printOf('set', id),
    member: (set: string, peer: string) => printOf('member', [set, peer]),
    rule: (rule: MapRule) => printOf('rule', ruleTuple(rule)),
    route: (route: MapRoute) => printOf('route', routeTuple(route)),
  };
}

export type EntryPrints = ReturnType<typeof entryPrints>;

/** The hash of a whole map: what an agent acknowledges, and what a daemon that has only ever added deltas arrives at too. */
export function hashOf(map: NetworkMap, digest: Digest): string {
  const prints = entryPrints(digest);
  const entries = [
    prints.self(map.self),
    ...map.peers.map((peer) => prints.peer(peer)),
    ...map.policy.rules.map((rule) => prints.rule(rule)),
    ...map.routes.map((route) => prints.route(route)),
    ...map.policy.sets.flatMap(({ id, members }) => [
      prints.set(id),
      ...members.map((member) => prints.member(id, member)),
    ]),
  ];
  return textOf(entries.reduce(plus, NOTHING));
}
