import type { SyntropyClient } from '../client/client.js';
import type { ContainerDetails, Replica } from '../contract/schemas/container.js';

import { AppError } from '../core/types/errors/app-error.js';
import { errorCode } from '../core/types/errors/error-code.js';
import { isErrorCode } from '../core/types/errors/codes.js';
import { afterMs } from '../core/utils/deadline.js';
import { changes } from './changes.js';
import { phaseTeller, type PhaseTeller } from './container-progress.js';
import { knownName } from './container-words.js';
import { parseDuration } from './duration.js';
import { overOutages } from './over-outages.js';
import { clean } from './text.js';

/** What a container is to come to. */
export type Aim = 'running' | 'stopped' | 'removed';

/** How a command waits, as it was said. */
export interface WaitFlags {
  readonly wait?: boolean | undefined;
  readonly timeout?: string | undefined;
  readonly progress: string;
}

/** Statuses in which the daemon still tries: what a replica says now may pass. */
const UNDER_WAY: readonly ContainerDetails['status'][] = ['pending', 'deploying', 'updating'];
const DOWN: readonly Replica['phase'][] = ['stopped', 'exited', 'failed', 'ended'];

/** How a command waits, as it was understood. */
export interface Waiting {
  readonly isWaiting: boolean;
  /** Absent: as long as it takes. */
  readonly timeoutMs: number | undefined;
  readonly progress: string;
}

/**
 * Read before anything is asked for, so that a time that is none has changed nothing. It is waited where that was said, else where a longest time
 * is said or a person looks on.
 * @throws {AppError} USAGE_INVALID.
 */
export function waitingOf({ wait, timeout, progress }: WaitFlags): Waiting {
  const timeoutMs = timeout === undefined ? undefined : parseDuration(timeout, 'timeout');
  return {
    isWaiting: wait ?? (timeoutMs !== undefined || process.stdout.isTTY),
    timeoutMs,
    progress,
  };
}

/**
 * The container as it is when it has come to what was asked for, if that is to be waited for. Reads it again after each of its events.
 * @param told - what the daemon answered: its revision and the generations of its replicas are what is waited for.
 * @throws {AppError} TIMED_OUT; what a replica failed with, or CONTAINER_ROLLED_BACK.
 */
export async function settledContainer(
  client: SyntropyClient,
  told: ContainerDetails,
  asked: { readonly waiting: Waiting; readonly aim: Aim; readonly json: boolean },
): Promise<ContainerDetails> {
  const { waiting, aim, json } = asked;
  // A change of one that is stopped is for when it is started.
  const isIdle = aim === 'running' && told.desired !== 'running';
  if (!waiting.isWaiting || isIdle) return told;
  const teller = phaseTeller(waiting.progress, json);
  const stop = new AbortController();
  const { signal } = stop;
  const patience = afterMs(waiting.timeoutMs, () => stop.abort());
  const wait: Wait = { told, aim, teller, last: told };
  try {
    return await overOutages((answered) => followed(client, wait, answered, signal), signal, true);
  } catch (error) {
    if (signal.aborted) throw timedOut(wait);
    throw json ? error : withLastWordsShown(error);
  } finally {
    patience.clear();
    stop.abort();
  }
}

interface Wait {
  readonly told: ContainerDetails;
  readonly aim: Aim;
  readonly teller: PhaseTeller;
  last: ContainerDetails;
}

async function followed(
  client: SyntropyClient,
  wait: Wait,
  answered: () => void,
  signal: AbortSignal,
): Promise<ContainerDetails> {
  const { id } = wait.told;
  for await (const _ of changes(client, { object: id }, signal)) {
    const now = await readOrGone(client, wait, signal);
    answered();
    if (now === undefined) return wait.last;
    wait.last = now;
    wait.teller(now);
    if (isThere(now, wait)) return now;
  }
  throw timedOut(wait);
}

/** Nothing, when it is gone and that is what is waited for. */
async function readOrGone(client: SyntropyClient, { told, aim }: Wait, signal: AbortSignal) {
  try {
    return await client.call('containers.get', { container: told.id }, { signal });
  } catch (error) {
    if (aim === 'removed' && errorCode(error) === 'CONTAINER_NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * Whether a container has come to what is waited for.
 * @throws {AppError} when it will not.
 */
export function isThere(now: ContainerDetails, { told, aim }: Pick<Wait, 'told' | 'aim'>): boolean {
  if (aim === 'removed') return now.status === 'removed';
  if (now.status === 'failed') throw failure(now, 'has failed', 'CONTAINER_FAILED');
  if (now.desired !== told.desired) {
    throw new AppError(
      'OPERATION_CANCELLED',
      `Container ${now.name} was told to be ${now.desired} meanwhile.`,
      { container: now.id },
    );
  }
  if (aim === 'stopped') {
    return now.instances.every((one) => hasObserved(one) && DOWN.includes(one.phase));
  }
  requireRevision(now, told);
  requireNoFailure(now);
  const living = now.instances.filter(({ phase }) => phase !== 'ended' && phase !== 'lost');
  const upToDate = living.filter((one) => isUp(one, now) && one.revision === now.revision);
  return upToDate.length >= now.replicas && upToDate.length === living.length;
}

/** A revision that is gone back from is behind the wanted one; one that somebody else made meanwhile is beyond it. */
function requireRevision(now: ContainerDetails, told: ContainerDetails): void {
  if (now.revision < told.revision) {
    throw failure(now, `went back to revision ${now.revision}`, 'CONTAINER_ROLLED_BACK');
  }
  if (now.revision > told.revision) {
    throw new AppError(
      'VERSION_CONFLICT',
      `Container ${now.name} was changed meanwhile: it is at revision ${now.revision}, and revision ${told.revision} was waited for.`,
      { container: now.id },
    );
  }
}

/** What is still under way may pass; what a replica says when nothing is, stays. */
function requireNoFailure(now: ContainerDetails): void {
  const ended = now.instances.some(
    (one) =>
      hasObserved(one) &&
      (one.phase === 'exited' || one.phase === 'failed') &&
      !isUp(one, now) &&
      !UNDER_WAY.includes(now.status),
  );
  if (ended) throw failure(now, 'does not run', 'CONTAINER_FAILED');
}

function hasObserved({ observedGeneration, generation }: Replica): boolean {
  return observedGeneration >= generation;
}

/** Runs, and is healthy; or has done its work, where that is all that it was to do. */
function isUp(one: Replica, { spec }: ContainerDetails): boolean {
  if (!hasObserved(one)) return false;
  if (one.phase === 'running') return true;
  const mayEnd = spec.restart === 'no' || spec.restart === 'on-failure';
  return mayEnd && one.phase === 'exited' && one.exitCode === 0;
}

/** With the code, the reason and the last words of the replica that tells most. */
function failure(
  now: ContainerDetails,
  what: string,
  fallback: 'CONTAINER_FAILED' | 'CONTAINER_ROLLED_BACK',
): AppError {
  const telling =
    now.instances.find(({ code, lastWords }) => code !== undefined && lastWords !== undefined) ??
    now.instances.find(({ code }) => code !== undefined) ??
    now.instances.find(({ lastWords, reason }) => (lastWords ?? reason) !== undefined);
  const code = isErrorCode(telling?.code) ? telling.code : fallback;
  const reason = telling?.reason ?? now.statusReason;
  return new AppError(
    code,
    `Container ${knownName(now)} ${what}${reason === undefined ? '.' : `: ${reason}`}`,
    {
      container: now.id,
      ...(telling === undefined ? {} : { replica: telling.replica, node: telling.node.name }),
      ...(telling?.exitCode === undefined ? {} : { exitCode: telling.exitCode }),
      ...(telling?.lastWords === undefined ? {} : { lastWords: telling.lastWords }),
    },
  );
}

/** For people they stand above the error; in a document they are in its details. */
function withLastWordsShown(error: unknown): unknown {
  const words = error instanceof AppError ? error.details['lastWords'] : undefined;
  if (typeof words === 'string' && words !== '') {
    process.stderr.write(`Its last words:\n${clean(words).replace(/^/gm, '  ').trimEnd()}\n`);
  }
  return error;
}

function timedOut({ last, aim }: Wait): AppError {
  const { id, status, replicas, replicasRunning } = last;
  const running = aim === 'running' ? `, with ${replicasRunning} of ${replicas} running` : '';
  return new AppError(
    'TIMED_OUT',
    `Container ${knownName(last)} is ${status}${running}, and not ${aim}, in time. What was asked for goes on.`,
    { container: id, status },
  );
}
