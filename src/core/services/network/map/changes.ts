import type { MapDelta } from '../../../types/models/network.js';
import type { Holding } from './holding.js';
import type { EntryPrints, Fingerprint } from './fingerprint.js';
import type { Member } from './records.js';

import { minus, NOTHING, plus, textOf } from './fingerprint.js';
import { setOf, setPrint } from './holding.js';
import { changedPeer } from './records.js';

/** What a change is to one node. */
export interface Difference {
  /** Alike for all to whom the same is to be said. */
  readonly key: string;
  /** What its hash goes up by. */
  readonly shift: Fingerprint;
  readonly delta: () => MapDelta;
}

/**
 * What is to be said to a node that had one thing and now has another. A set is named with the node itself in it where it is, so that what is said
 * to many is the same; a node passes over itself, and its own hash does not count it. Among its peers it never comes or goes: it is always its
 * owner's.
 */
export function differenceOf(
  member: Member,
  before: Holding,
  after: Holding,
  prints: EntryPrints,
): Difference {
  const peers = between(before.peers, after.peers);
  const sets = between(before.sets, after.sets);
  const rules = between(before.rules, after.rules);
  const routes = between(before.routes, after.routes);
  const entries = [
    sumOf(peers, ({ print }) => print),
    sumOf(rules, ({ print }) => print),
    sumOf(routes, ({ print }) => print),
  ].reduce(plus);
  const shared = sumOf(sets, ({ print, sum }) => plus(print, sum));
  const own = sumOf(sets, (set) => setPrint(set, member, prints));
  return {
    key: textOf(plus(entries, shared)),
    shift: plus(entries, own),
    delta: () =>
      present({
        peersRemoved: peers.lost.map(({ node }) => node.id),
        peersChanged: peers.gained.map(changedPeer),
        setsRemoved: sets.lost.map(({ id }) => id),
        setsAdded: sets.gained.map(setOf),
        rulesRemoved: rules.lost.map(({ entry }) => entry.id),
        rulesAdded: rules.gained.map(({ entry }) => entry),
        routesRemoved: routes.lost
          .filter(({ entry }) => !routes.gained.some((one) => one.entry.id === entry.id))
          .map(({ entry }) => entry.id),
        routesChanged: routes.gained.map(({ entry }) => entry),
      }),
  };
}

interface Between<T> {
  readonly lost: readonly T[];
  readonly gained: readonly T[];
}

/**
 * What says the same is the same, though it was made anew meanwhile: else it would be said to everybody whose hash moves alike, also to those that
 * never had it.
 */
function between<T extends { readonly print: Fingerprint }>(
  before: ReadonlySet<T>,
  after: ReadonlySet<T>,
): Between<T> {
  const lost = [...before].filter((one) => !after.has(one));
  const gained = [...after].filter((one) => !before.has(one));
  if (lost.length === 0 || gained.length === 0) return { lost, gained };
  const [old, young] = [lost, gained].map((all) => new Set(all.map(({ print }) => textOf(print))));
  return {
    lost: lost.filter(({ print }) => !young?.has(textOf(print))),
    gained: gained.filter(({ print }) => !old?.has(textOf(print))),
  };
}

function sumOf<T>({ lost, gained }: Between<T>, print: (one: T) => Fingerprint): Fingerprint {
  const more = gained.reduce((sum, one) => plus(sum, print(one)), NOTHING);
  return lost.reduce((sum, one) => minus(sum, print(one)), more);
}

/** Without the lists that are empty. */
function present(delta: MapDelta): MapDelta {
  return Object.fromEntries(
    Object.entries(delta).filter(([, value]) => !Array.isArray(value) || value.length > 0),
  );
}
