import type {
  ContainerEvent,
  ContainerState,
  Lease,
  LeaseWord,
  StoredRevision,
} from './container.ports.js';

import { LEAVE_SECONDS, UNHEARD_SECONDS } from '../../types/constants/lease-patience.js';
import { phaseOf, revisionOf } from './container-status.js';
import { isBound } from './defaults.js';

/** What nodes have said of their leases. What is older than what is known says nothing. */
export function noteWords(
  state: ContainerState,
  words: readonly LeaseWord[],
  now: Date,
): ContainerState {
  const leases = state.leases.map((lease) => {
    const word = words.find((said) => said.lease === lease.id);
    return word ? heard(lease, word, now) : lease;
  });
  const changed = leases.filter((lease, at) => isNews(state.leases[at], lease));
  return {
    ...state,
    leases,
    revisions: state.revisions.map((revision) => {
      // The first replica that finds the image decides which one it is.
      const digest =
        revision.digest ?? leases.find((lease) => hasFound(lease, revision))?.report.digest;
      return digest === revision.digest || digest === undefined
        ? revision
        : { ...revision, digest };
    }),
    events: [...state.events, ...changed.map((lease) => changedEvent(lease))],
  };
}

function heard(lease: Lease, word: LeaseWord, now: Date): Lease {
  const { lease: _, generation, phase, ...report } = word;
  if (generation < lease.observedGeneration || generation > lease.generation) return lease;
  // Those are for us to say.
  if (phase === 'unknown' || phase === 'lost') return lease;
  if (phase === 'ended') {
    return lease.leavingAt
      ? { ...lease, phase, observedAt: now, endedAt: now, endReason: lease.endReason ?? 'removed' }
      : lease;
  }
  // Why it did not come up is asked for when what it made is going, or gone.
  const known = lease.leavingAt ? { ...lease.report, ...report } : report;
  return { ...lease, observedGeneration: generation, phase, report: known, observedAt: now };
}

/** Whether what a node says of an image is said of that revision: not of the one that ran before it, or that runs again. */
export function hasFound(lease: Lease, { revision, specHash }: StoredRevision): boolean {
  const { report, generation, observedGeneration } = lease;
  return (
    lease.revision === revision &&
    observedGeneration === generation &&
    report.digest !== undefined &&
    report.code !== 'CONTAINER_ROLLED_BACK' &&
    (report.specHash ?? specHash) === specHash
  );
}

function isNews(before: Lease | undefined, after: Lease): boolean {
  return (
    before !== undefined &&
    (before.phase !== after.phase ||
      before.observedGeneration !== after.observedGeneration ||
      before.report.code !== after.report.code ||
      before.report.startedAt !== after.report.startedAt)
  );
}

/** What time, and what befell their nodes, makes of replicas. */
export function noteSilence(state: ContainerState, now: Date): ContainerState {
  const { lostAfterSeconds } = state.container;
  const isKept = isBound(revisionOf(state, state.container.revision).spec);
  const events: ContainerEvent[] = [];
  const leases = state.leases.map((lease) => {
    const silentMs = now.getTime() - (lease.lastSeenAt ?? lease.createdAt).getTime();
    const isLost = !lease.isReachable && silentMs > lostAfterSeconds * 1_000;
    if (lease.leavingAt) {
      if (lease.endedAt) return lease;
      // Of a node that is away nothing is known: it has what it had.
      const patience = lease.observedGeneration === 0 ? UNHEARD_SECONDS : LEAVE_SECONDS;
      if (lease.isReachable && now.getTime() - lease.leavingAt.getTime() > patience * 1_000) {
        return { ...lease, endedAt: now, endReason: 'its node says nothing of it' };
      }
      return lease.isGone && !lease.isReachable
        ? { ...lease, endedAt: now, endReason: 'its node is gone' }
        : lease;
    }
    if (!isLost || lease.phase === 'lost') return lease;
    events.push(lostEvent(lease, isKept));
    return isKept
      ? { ...lease, phase: 'lost' as const }
      : { ...lease, phase: 'lost' as const, endedAt: now, endReason: 'its node is lost' };
  });
  return events.length === 0 && leases.every((lease, at) => lease === state.leases[at])
    ? state
    : { ...state, leases, events: [...state.events, ...events] };
}

function lostEvent({ id, replica, node }: Lease, waits: boolean): ContainerEvent {
  const payload = { lease: id, replica, node: node.name, waits };
  return { type: 'container.replica-lost', payload };
}

/** What is known of a replica from now on. */
export function changedEvent(lease: Lease): ContainerEvent {
  const { id, replica, node, revision, generation, observedGeneration, report } = lease;
  const payload = {
    lease: id,
    replica,
    node: node.name,
    revision,
    phase: phaseOf(lease),
    generation,
    observedGeneration,
    ...(report.code === undefined ? {} : { code: report.code }),
    ...(report.reason === undefined ? {} : { reason: report.reason }),
  };
  return { type: 'container.replica-changed', payload };
}
