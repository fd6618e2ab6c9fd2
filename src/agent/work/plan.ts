import type { ErrorCode } from '../../core/types/errors/codes.js';

import {
  effective,
  type Held,
  howEnded,
  isDone,
  isLeaving,
  isLive,
  isRestartDue,
  isSpent,
  isTrial,
  type LeaseRecord,
  matching,
  ownVolumes,
  type SeenContainer,
  type SeenLease,
} from './lease.js';
import { volumeName } from './run-spec.js';

/** A start that lasted so long was one. */
export const SETTLE_MS = 100;
/** So long the new one of an update has to stay up, where no health check says more. */
export const UPDATE_SETTLE_MS = 5_000;
/** Beyond what the check itself allows. */
const HEALTH_GRACE_MS = 30_000;
/** What is taken away while it is being stopped has no longer than that. */
const LATE_STOP_SECONDS = 10;
/** How long something that nobody knows is left alone, with the work complete. */
const STRAY_GRACE_MS = 5 * 60_000;

/** One thing that is done to the engine, or noted on the disk. `container` is the id that the engine knows it by. */
export type Step =
  | { readonly kind: 'pull'; readonly of: Held }
  | { readonly kind: 'create'; readonly of: Held }
  /** Without a container: the one that was just made. */
  | { readonly kind: 'start'; readonly of: Held; readonly container?: string }
  /** It is noted first that it was stopped from here: to run again (`hold`), or to be taken away. */
  | {
      readonly kind: 'stop';
      readonly container: string;
      readonly graceSeconds: number;
      readonly hold: boolean;
    }
  | { readonly kind: 'hold'; readonly container: string }
  | { readonly kind: 'remove'; readonly container: string }
  | { readonly kind: 'remove-volume'; readonly name: string }
  | {
      readonly kind: 'restart';
      readonly container: string;
      readonly number: number;
      readonly startedAt: string;
      readonly graceSeconds: number;
    }
  /** It runs again, so it is not one that was stopped from here. */
  | { readonly kind: 'release' }
  /** The restart is seen to have been done. */
  | { readonly kind: 'restarted'; readonly number: number }
  /** It came up: from now on it is what updates go back to. */
  | { readonly kind: 'settle'; readonly of: Held }
  /** It did not come up. */
  | {
      readonly kind: 'fail';
      readonly container: string;
      readonly code: ErrorCode;
      readonly reason: string;
    }
  /** Nothing of the lease is left. */
  | { readonly kind: 'end' };

/** What is to be done for one lease, in order; after a step that fails the rest is planned anew. */
export interface LeasePlan {
  readonly steps: readonly Step[];
  /** Nothing may be seen to change until then, and still there may be something to do. */
  readonly lookAgainAtMs?: number;
}

const NOTHING: LeasePlan = { steps: [] };

/** What brings a lease from where it is to where it is to be. Knows no engine and no disk; the same question has the same answer. */
export function plan(record: LeaseRecord, seen: SeenLease, nowMs: number): LeasePlan {
  if (nowMs < seen.notBeforeMs) return { steps: [], lookAgainAtMs: seen.notBeforeMs };
  if (record.ending) return planEnd(record, seen, record.ending.volumes);
  // What is called as it is has to go before another is made.
  const leaving = seen.containers.filter((one) => isLeaving(record, one));
  if (leaving.length > 0) return { steps: gone(record, leaving) };
  const { wanted } = record;
  return wanted.desired === 'stopped' ? planStopped(record, seen) : planRun(record, seen, nowMs);
}

function planEnd(record: LeaseRecord, seen: SeenLease, withVolumes: boolean): LeasePlan {
  const { wanted, good } = record;
  const volumes = [wanted, ...(good ? [good] : [])].flatMap((of) =>
    ownVolumes(of).map((name) => volumeName(of, name)),
  );
  const names = withVolumes ? [...new Set(volumes)] : [];
  const drop = names.map((name): Step => ({ kind: 'remove-volume', name }));
  const away = gone(record, seen.containers).map((step) =>
    step.kind === 'stop' && seen.isLate === true
      ? { ...step, graceSeconds: Math.min(step.graceSeconds, LATE_STOP_SECONDS) }
      : step,
  );
  return { steps: [...away, ...drop, { kind: 'end' }] };
}

function planStopped(record: LeaseRecord, seen: SeenLease): LeasePlan {
  const match = matching(record, seen.containers);
  const others = seen.containers.filter((one) => one !== match);
  const isGood = ({ specHash }: SeenContainer) => specHash === record.good?.specHash;
  const steps: Step[] = others.filter(isLive).map((one) => stop(record, one, isGood(one)));
  if (match && isLive(match)) steps.push(stop(record, match, true));
  // One that had ended by itself is started with the rest when it is to run again.
  else if (match?.state === 'exited' && record.held !== match.id) {
    steps.push({ kind: 'hold', container: match.id });
  }
  return { steps };
}

function planRun(record: LeaseRecord, seen: SeenLease, nowMs: number): LeasePlan {
  // Two at once would spoil what is in them. It is planned again when that one has ended.
  if (seen.isVolumeHeld === true && !seen.containers.some(isLive)) return NOTHING;
  const of = effective(record);
  const match = matching(record, seen.containers);
  const others = seen.containers.filter((one) => one !== match);
  const isGood = (one: SeenContainer) => one.specHash === record.good?.specHash;
  const isAlone = isStopFirst(record);
  // What has proven itself is kept until the new one has. What another update has begun and not ended is not worth a third that runs.
  const first = others.filter((one) => isLive(one) && (isAlone || !isGood(one)));
  const makeRoom = first.map((one) => stop(record, one, isGood(one)));
  if (!match) {
    // Fetched before anything is stopped: an update whose image is not there costs nothing.
    const make: Step[] = [
      { kind: 'pull', of },
      { kind: 'create', of },
    ];
    return { steps: [...make, ...makeRoom, { kind: 'start', of }] };
  }
  switch (match.state) {
    case 'created':
      return { steps: [...makeRoom, { kind: 'start', of, container: match.id }] };
    case 'dead':
      return { steps: [{ kind: 'remove', container: match.id }] };
    // It becomes something else by itself, and is looked at again then.
    case 'stopping':
      return NOTHING;
    case 'exited':
      return planExited(record, match, others, makeRoom);
    case 'restarting':
      if (isTrial(record)) return failed(record, match, 'CONTAINER_FAILED', ended(record, match));
      return { steps: gone(record, others) };
    case 'running':
      if (!isTrial(record)) return planGood(record, match, others);
      // An engine that started anew may have started the old one with it.
      return makeRoom.length > 0 ? { steps: makeRoom } : planTrial(record, match, others, nowMs);
  }
}

/** One that runs, and has come up before. */
function planGood(
  record: LeaseRecord,
  match: SeenContainer,
  others: readonly SeenContainer[],
): LeasePlan {
  const release: Step[] = record.held === match.id ? [{ kind: 'release' }] : [];
  return { steps: [...release, ...gone(record, others), ...restart(record, match)] };
}

function restart(record: LeaseRecord, match: SeenContainer): readonly Step[] {
  if (!isRestartDue(record)) return [];
  const { wanted, restarting } = record;
  const number = wanted.restart;
  const startedAt = match.startedAt ?? '';
  const isOver =
    restarting?.number === number &&
    (restarting.container !== match.id || restarting.startedAt !== startedAt);
  if (isOver) return [{ kind: 'restarted', number }];
  const { stopSeconds: graceSeconds } = effective(record).spec;
  return [{ kind: 'restart', container: match.id, number, startedAt, graceSeconds }];
}

/** One that runs for the first time. */
function planTrial(
  record: LeaseRecord,
  match: SeenContainer,
  others: readonly SeenContainer[],
  nowMs: number,
): LeasePlan {
  if (match.restarts > 0) return failed(record, match, 'CONTAINER_FAILED', ended(record, match));
  const { health } = effective(record).spec;
  const settled = { steps: settle(record, others) };
  if (health) {
    if (match.health === 'healthy') return settled;
    const lookAgainAtMs = match.upSinceMs + healthDeadlineMs(health);
    if (nowMs < lookAgainAtMs) return { steps: [], lookAgainAtMs };
    return failed(
      record,
      match,
      'CONTAINER_UNHEALTHY',
      'Its health check has not succeeded in time.',
    );
  }
  const isUpdate = record.good !== undefined || others.some(isLive);
  const lookAgainAtMs = match.upSinceMs + (isUpdate ? UPDATE_SETTLE_MS : SETTLE_MS);
  return nowMs < lookAgainAtMs ? { steps: [], lookAgainAtMs } : settled;
}

/** One that has ended. @param makeRoom - what comes before it is started. */
function planExited(
  record: LeaseRecord,
  match: SeenContainer,
  others: readonly SeenContainer[],
  makeRoom: readonly Step[],
): LeasePlan {
  const of = effective(record);
  const start: readonly Step[] = [...makeRoom, { kind: 'start', of, container: match.id }];
  if (record.held === match.id) return { steps: start };
  if (!isTrial(record)) {
    const again = restart(record, match);
    if (again.length > 0) return { steps: [...makeRoom, ...again] };
    const isLeft = isDone(of, match) || isSpent(of, match);
    return { steps: isLeft ? gone(record, others) : start };
  }
  const isUpdate = record.good !== undefined || others.some(isLive);
  // Of a first deployment that is to run once its end is what was wanted, whatever it ended with. It is no reason to give up one that runs.
  if (isDone(of, match) && (match.exitCode === 0 || !isUpdate)) {
    return { steps: settle(record, others) };
  }
  return failed(record, match, 'CONTAINER_FAILED', ended(record, match));
}

function settle(record: LeaseRecord, others: readonly SeenContainer[]): readonly Step[] {
  return [{ kind: 'settle', of: effective(record) }, ...gone(record, others)];
}

/** What was made for nothing goes, once it is noted why. */
function failed(
  record: LeaseRecord,
  match: SeenContainer,
  code: ErrorCode,
  reason: string,
): LeasePlan {
  const { id: container } = match;
  return { steps: [{ kind: 'fail', container, code, reason }, ...gone(record, [match])] };
}

function ended(record: LeaseRecord, match: SeenContainer): string {
  const isUnknown = match.exitCode === undefined && match.restarts > 0;
  return isUnknown ? 'It ended soon after its start.' : howEnded(effective(record), match);
}

function gone(record: LeaseRecord, containers: readonly SeenContainer[]): readonly Step[] {
  return containers.flatMap((one): Step[] => {
    const remove: Step = { kind: 'remove', container: one.id };
    return isLive(one) ? [stop(record, one, false), remove] : [remove];
  });
}

function stop({ wanted, good }: LeaseRecord, { id, specHash }: SeenContainer, hold: boolean): Step {
  const { spec } = good?.specHash === specHash ? good : wanted;
  return { kind: 'stop', container: id, graceSeconds: spec.stopSeconds, hold };
}

/** Whether the old one has to go before the new one can come: both want the same port, or write to the same volume. */
function isStopFirst({ wanted, good }: LeaseRecord): boolean {
  const { updateOrder } = wanted.spec;
  if (updateOrder !== 'auto') return updateOrder === 'stop-first';
  const both = [wanted.spec, (good ?? wanted).spec] as const;
  if (both.some(({ volumes }) => volumes.some(({ readOnly }) => !readOnly))) return true;
  const [now, before] = both.map(({ ports }) =>
    ports.flatMap(({ host, protocol }) => (host === undefined ? [] : [`${host}/${protocol}`])),
  );
  return (now ?? []).some((port) => before?.includes(port));
}

/** By when a container has to be healthy for the first time, after its start. */
export function healthDeadlineMs(check: {
  readonly startPeriodMs: number;
  readonly retries: number;
  readonly intervalMs: number;
}): number {
  return check.startPeriodMs + check.retries * check.intervalMs + HEALTH_GRACE_MS;
}

/** A container of this node that no lease is known for. */
export interface Stray {
  readonly id: string;
  readonly seenSinceMs: number;
  /** It could not be removed, and is not tried again before. */
  readonly notBeforeMs?: number;
}

/**
 * Which of them are removed. None while the daemon has not told all of the work since this process began: then it is not they who are
 * unknown, but we who do not know.
 * @param completeSinceMs - since when all of the work has been known; undefined while it is not.
 */
export function planStrays(
  strays: readonly Stray[],
  completeSinceMs: number | undefined,
  nowMs: number,
): { readonly due: readonly string[]; readonly lookAgainAtMs?: number } {
  if (completeSinceMs === undefined || strays.length === 0) return { due: [] };
  const dueAt = ({ seenSinceMs, notBeforeMs = 0 }: Stray) =>
    Math.max(notBeforeMs, Math.max(seenSinceMs, completeSinceMs) + STRAY_GRACE_MS);
  const due = strays.filter((stray) => dueAt(stray) <= nowMs).map(({ id }) => id);
  const later = strays.map(dueAt).filter((at) => at > nowMs);
  return later.length === 0 ? { due } : { due, lookAgainAtMs: Math.min(...later) };
}

/** What does not pass by waiting. */
const LASTING = new Set<string>([
  'CONTAINER_IMAGE_NOT_FOUND',
  'REGISTRY_DENIED',
  'CONTAINER_START_FAILED',
  'CONTAINER_FAILED',
  'CONTAINER_UNHEALTHY',
  'PORT_TAKEN',
  'BIND_NOT_ALLOWED',
  'VOLUME_REQUIRED',
]);
/** Of what may pass. */
const UPDATE_TRIES = 3;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 10 * 60_000;

/**
 * What follows from a failure. `roll-back`: the good one is kept from now on. `remove`: what was made goes, and it is tried again later.
 * @param failures - in a row, with this one.
 */
export function afterFailure(
  record: LeaseRecord,
  code: string,
  failures: number,
): { readonly next: 'roll-back' | 'remove' | 'retry'; readonly waitMs: number } {
  const waitMs = retryWaitMs(failures);
  if (record.ending || record.wanted.desired === 'stopped' || !isTrial(record)) {
    return { next: 'retry', waitMs };
  }
  if (!record.good) return { next: 'remove', waitMs };
  const isOver = LASTING.has(code) || failures >= UPDATE_TRIES;
  return isOver ? { next: 'roll-back', waitMs: 0 } : { next: 'retry', waitMs };
}

/** @param failures - in a row. */
export function retryWaitMs(failures: number): number {
  return Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20));
}
