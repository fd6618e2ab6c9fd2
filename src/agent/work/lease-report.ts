import type { LeaseReport } from '../../contract/agent/work.js';
import type { ContainerFacts } from '../../core/services/container/runtime.ports.js';
import type { ReplicaPhase } from '../../core/types/models/container.js';
import type { Step } from './plan.js';

import { MAX_LAST_WORDS } from '../../contract/agent/work.js';
import {
  effective,
  type End,
  type Failure,
  howEnded,
  isDone,
  isLive,
  isRestartDue,
  isSpent,
  isTrial,
  type LeaseRecord,
  matching,
  type SeenContainer,
} from './lease.js';

const MAX_REASON = 512;
const MAX_PORTS = 64;

/** What is known of a lease beside its record. */
export interface Standing {
  readonly containers: readonly SeenContainer[];
  /** Of the container that is what it is to be. */
  readonly facts: ContainerFacts | undefined;
  /** What is being done for it. */
  readonly doing: Step['kind'] | undefined;
  /** Why it could not be brought to what it is to be; it will be tried again. */
  readonly failure: Failure | undefined;
  /** How often that has failed in a row. */
  readonly failures: number;
  /** Of the image that was found for what it is to be. */
  readonly digest: string | undefined;
  /** What the container wrote last, where it has ended; what its health check said, where it is unhealthy. */
  readonly words: string | undefined;
  /** How it ended by itself last; undefined once it has stayed up since. */
  readonly end: End | undefined;
}

/** A lease as the daemon is told of it. */
export function leaseReport(record: LeaseRecord, standing: Standing): LeaseReport {
  const { wanted, good } = record;
  const of = effective(record);
  const match = matching(record, standing.containers);
  const old = standing.containers.find(
    (one) => one.specHash !== wanted.specHash && one.specHash === good?.specHash && isLive(one),
  );
  const phase = phaseOf(record, match, standing);
  const why = reasonOf(record, match, phase, standing);
  const { facts } = standing;
  const digest = standing.digest ?? (good?.specHash === of.specHash ? good.digest : of.digest);
  return {
    lease: wanted.lease,
    generation: wanted.generation,
    phase,
    ...(why ? { code: why.code, reason: line(why.reason) } : {}),
    ...(why?.lastWords ? { lastWords: words(why.lastWords) } : {}),
    ...(phase === 'failed' && standing.failures > 0 ? { failures: standing.failures } : {}),
    ...exitCodeOf(match),
    restarts: match?.restarts ?? 0,
    ...startedAtOf(match),
    ports: (facts?.ports ?? []).slice(0, MAX_PORTS),
    ...(digest === undefined ? {} : { digest }),
    ...(old ? { specHash: old.specHash } : {}),
  };
}

/** Nothing of it is left. */
export function endedReport(lease: string, generation: number): LeaseReport {
  return { lease, generation, phase: 'ended', restarts: 0, ports: [] };
}

function phaseOf(
  record: LeaseRecord,
  match: SeenContainer | undefined,
  { doing, failure, containers }: Standing,
): ReplicaPhase {
  if (record.ending) return 'stopping';
  if (record.wanted.desired === 'stopped') return containers.some(isLive) ? 'stopping' : 'stopped';
  // One that was stopped from here runs no more than its grace lasts, and what is to be restarted is not what was asked for.
  const isUp = match?.state === 'running' && !isTrial(record) && record.held !== match.id;
  if (isUp) return doing === 'restart' || isRestartDue(record) ? 'restarting' : upPhase(match);
  if (doing === 'pull') return 'pulling';
  if (doing === 'create' || doing === 'start') return 'starting';
  if (doing === 'restart') return 'restarting';
  // The old one runs meanwhile.
  if (failure) return record.good && isTrial(record) ? 'starting' : 'failed';
  switch (match?.state) {
    case undefined:
    case 'dead':
      return 'assigned';
    case 'created':
    case 'running':
      return 'starting';
    case 'restarting':
      return isTrial(record) ? 'starting' : 'restarting';
    case 'stopping':
      return 'stopping';
    case 'exited':
      return exitedPhase(record, match);
  }
}

function upPhase({ health }: SeenContainer): ReplicaPhase {
  return health === 'unhealthy' ? 'unhealthy' : 'running';
}

function exitedPhase(record: LeaseRecord, match: SeenContainer): ReplicaPhase {
  const of = effective(record);
  if (record.held === match.id || isTrial(record)) return 'starting';
  if (isRestartDue(record)) return 'restarting';
  if (isDone(of, match)) return 'exited';
  return isSpent(of, match) ? 'failed' : 'restarting';
}

function reasonOf(
  record: LeaseRecord,
  match: SeenContainer | undefined,
  phase: ReplicaPhase,
  { failure, words: said, end }: Standing,
): Failure | undefined {
  const { failed, wanted } = record;
  const of = effective(record);
  if (wanted.desired === 'running' && failed?.generation === wanted.generation) {
    const { lastWords } = failed;
    return {
      code: 'CONTAINER_ROLLED_BACK',
      reason: `${failed.reason} (${failed.code})`,
      ...(lastWords === undefined ? {} : { lastWords }),
    };
  }
  if (failure) return failure;
  const heard = said === undefined || said === '' ? {} : { lastWords: said };
  if (phase === 'unhealthy') {
    return { code: 'CONTAINER_UNHEALTHY', reason: 'Its health check fails.', ...heard };
  }
  const hasFailed = match?.exitCode !== undefined && match.exitCode !== 0 && !isLive(match);
  if (hasFailed && (phase === 'exited' || phase === 'failed')) {
    return { code: 'CONTAINER_FAILED', reason: howEnded(of, match), ...heard };
  }
  if (!end || (phase !== 'restarting' && phase !== 'running')) return undefined;
  const again = phase === 'running' ? ' It was started again.' : '';
  return { code: 'CONTAINER_FAILED', reason: `${howEnded(of, end)}${again}`, ...heard };
}

function exitCodeOf(match: SeenContainer | undefined): Pick<LeaseReport, 'exitCode'> {
  if (match?.exitCode === undefined || match.state === 'running') return {};
  return { exitCode: Math.min(255, Math.max(-1, match.exitCode)) };
}

function startedAtOf(match: SeenContainer | undefined): Pick<LeaseReport, 'startedAt'> {
  const at = new Date(match?.startedAt ?? '');
  return Number.isNaN(at.getTime()) || at.getFullYear() < 1970
    ? {}
    : { startedAt: at.toISOString() };
}

/** What a container or its health check wrote may be any bytes; what is reported of it is text. */
function words(text: string): string {
  return text
    .replaceAll(/[^\P{Cc}\t\n]/gu, ' ')
    .slice(-MAX_LAST_WORDS)
    .toWellFormed();
}

function line(text: string): string {
  return text.replaceAll(/\p{C}/gu, ' ').slice(0, MAX_REASON).toWellFormed().trimEnd();
}
