import type { ContainerSpec } from '../../types/models/container.js';
import type { ContainerState, Lease } from './container.ports.js';

import { canonicalJson } from './canonical.js';
import { isSettled, living, revisionOf } from './container-status.js';
import { demandOf } from './defaults.js';
import { hasFound } from './notes.js';

/** What does not pass by itself: trying again would not help. */
const FINAL: ReadonlySet<string> = new Set([
  'CONTAINER_IMAGE_NOT_FOUND',
  'REGISTRY_DENIED',
  'CONTAINER_START_FAILED',
  'CONTAINER_FAILED',
  'CONTAINER_UNHEALTHY',
  'CONTAINER_ROLLED_BACK',
  'PORT_TAKEN',
  'BIND_NOT_ALLOWED',
  'VOLUME_REQUIRED',
]);
/** What may pass is tried so often. */
const MAX_FAILURES = 3;

/** What is to be done next with a container, so that its replicas become what it is to be. */
export type Step =
  /** The next replica moves to the revision. */
  | { readonly kind: 'advance'; readonly lease: string; readonly revision: number }
  /** A replica has found another image than its revision has: it is made again with that one. */
  | { readonly kind: 'pin-anew'; readonly lease: string }
  /** A replica that is one too many. */
  | { readonly kind: 'leave'; readonly lease: string; readonly reason: string }
  /** These have no place. */
  | { readonly kind: 'place'; readonly replicas: readonly number[]; readonly revision: number }
  /** The newest revision does not come up where one before did. */
  | { readonly kind: 'roll-back'; readonly to: number; readonly because: Lease }
  /** The first revision does not come up. */
  | { readonly kind: 'fail'; readonly because: Lease }
  /** The revision is up everywhere. */
  | { readonly kind: 'settle' };

/**
 * The steps that are due now; none when it is as it is to be, or when a node has the word. One replica at a time moves to another revision, and
 * the next when that one has come up.
 */
export function nextSteps(state: ContainerState): readonly Step[] {
  const { container, leases } = state;
  const all = living(leases);
  if (container.desired === 'removed') {
    return all.map(({ id }) => ({ kind: 'leave', lease: id, reason: 'removed' }));
  }
  const { revision, stableRevision, replicas } = container;
  const broken = all.find((lease) => lease.revision === revision && hasFailed(lease));
  if (broken && stableRevision === undefined) return [{ kind: 'fail', because: broken }];
  if (broken && stableRevision !== undefined && stableRevision !== revision) {
    return [{ kind: 'roll-back', to: stableRevision, because: broken }];
  }
  const kept = all.filter(({ replica }) => replica <= replicas);
  const strange = otherImages(kept, state);
  return [
    ...surplus(all, replicas),
    ...missing(all, replicas, stableRevision ?? revision),
    // Nothing is up everywhere that is not the same everywhere.
    ...(strange.length > 0 ? strange : moves(kept, state)),
  ];
}

/** Whether a node has said that what it was told last does not work. */
export function hasFailed(lease: Lease): boolean {
  const { phase, report, observedGeneration, generation } = lease;
  if (observedGeneration < generation || report.code === undefined) return false;
  if (report.code === 'CONTAINER_ROLLED_BACK') return true;
  return phase === 'failed' && (FINAL.has(report.code) || (report.failures ?? 0) >= MAX_FAILURES);
}

function moves(all: readonly Lease[], state: ContainerState): readonly Step[] {
  const { revision, stableRevision, replicas, desired } = state.container;
  const [there, before] = [
    all.filter((lease) => lease.revision === revision),
    all.filter((lease) => lease.revision !== revision),
  ];
  // Whoever has moved has to come up before the next one does.
  if (!there.every(isSettled)) return [];
  const next = before.toSorted(
    (a, b) => Number(b.isReachable) - Number(a.isReachable) || a.replica - b.replica,
  )[0];
  if (next) return [{ kind: 'advance', lease: next.id, revision }];
  const isUp = desired === 'running' && there.length === replicas;
  const isNew = revision !== stableRevision || holdsMore(there, revisionOf(state, revision).spec);
  return isUp && isNew ? [{ kind: 'settle' }] : [];
}

/** Whether room is held still for a revision that was given up. */
function holdsMore(all: readonly Lease[], spec: ContainerSpec): boolean {
  const needed = canonicalJson(demandOf(spec));
  return all.some(({ reserved }) => canonicalJson(reserved) !== needed);
}

/**
 * A tag may move while replicas fetch it at the same time, and the digest that was told first is that of the revision. Once that has come up
 * they are made again one at a time.
 */
function otherImages(all: readonly Lease[], state: ContainerState): readonly Step[] {
  const { revision, stableRevision } = state.container;
  const made = revisionOf(state, revision);
  if (made.digest === undefined) return [];
  const there = all.filter((lease) => lease.revision === revision);
  const strange = there.filter(
    (lease) => !lease.isPinnedAnew && hasFound(lease, made) && lease.report.digest !== made.digest,
  );
  const steps = strange.map(({ id }): Step => ({ kind: 'pin-anew', lease: id }));
  if (stableRevision !== revision) return steps;
  const [first] = strange;
  const isQuiet = there.every((lease) => lease === first || isSettled(lease));
  return isQuiet ? steps.slice(0, 1) : [];
}

function surplus(all: readonly Lease[], replicas: number): readonly Step[] {
  return all
    .filter(({ replica }) => replica > replicas)
    .map(({ id }) => ({ kind: 'leave', lease: id, reason: 'scaled down' }));
}

function missing(all: readonly Lease[], replicas: number, revision: number): readonly Step[] {
  const taken = new Set(all.map(({ replica }) => replica));
  const numbers = Array.from({ length: replicas }, (_, at) => at + 1);
  const without = numbers.filter((replica) => !taken.has(replica));
  return without.length === 0 ? [] : [{ kind: 'place', replicas: without, revision }];
}
