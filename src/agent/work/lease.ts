import type { Assignment } from '../../contract/agent/work.js';
import type { RunState } from '../../core/services/container/runtime.ports.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { isUuid } from '../../core/utils/node-name.js';

const MIB = 2 ** 20;
/** Status of what was ended by SIGKILL. */
const KILLED = 137;

/** An assignment as it lies on the disk: what is secret of it lies in files of its own. */
export type Held = Omit<Assignment, 'secrets' | 'registryAuth'>;

/** Why what was assigned does not run. */
export interface Failure {
  readonly code: string;
  readonly reason: string;
  readonly lastWords?: string;
}

/** All that is kept of one lease, through every end of this process. */
export interface LeaseRecord {
  readonly wanted: Held;
  /** The last one that came up, which an update goes back to. */
  readonly good?: Held;
  /** The generation that did not come up and was given up for the good one: it is not tried again. */
  readonly failed?: Failure & { readonly generation: number };
  /** The last restart that was done. Absent before the container has come up once: that start counts for all before it. */
  readonly restarted?: number;
  /** The restart that is under way, and the run that it ends. */
  readonly restarting?: {
    readonly number: number;
    readonly container: string;
    readonly startedAt: string;
  };
  /** A container that was stopped from here: unlike one that has ended by itself it is started again, whatever its policy. */
  readonly held?: string;
  /** Containers that are stopped to be taken away: what they end with says nothing, and none of them is used again. */
  readonly leaving?: readonly string[];
  /** It is no longer in the work. */
  readonly ending?: { readonly volumes: boolean };
}

/** One container of a lease, as it was seen last. */
export interface SeenContainer {
  readonly id: string;
  readonly name: string;
  readonly specHash: string;
  readonly state: RunState;
  readonly exitCode: number | undefined;
  /** Something in it was ended because it had no more memory. */
  readonly oomKilled: boolean;
  readonly restarts: number;
  /** As the engine says it: another text is another run. */
  readonly startedAt: string | undefined;
  /** When it was first seen in this run, on this process's own clock. */
  readonly upSinceMs: number;
  /** Of its health check; absent where it has none. */
  readonly health?: Health;
}

/** How a run of a container was over. */
export type End = Pick<SeenContainer, 'exitCode' | 'oomKilled'>;

export type Health = 'starting' | 'healthy' | 'unhealthy';

/** A lease as it stands on the engine. */
export interface SeenLease {
  readonly containers: readonly SeenContainer[];
  /** Nothing is tried before. */
  readonly notBeforeMs: number;
  /** One that is to go has yet to let go of a volume of it. */
  readonly isVolumeHeld?: boolean;
  /** It was taken away while it was being stopped: it has had time to end. */
  readonly isLate?: boolean;
}

/** The lease unchanged, where it may become part of a path: of a folder, or of a cgroup. @throws {AppError} INTERNAL: it is no id. */
export function leaseId(lease: string): string {
  if (!isUuid(lease)) throw new AppError('INTERNAL', 'What is no id of a lease was taken for one.');
  return lease;
}

/** What of its work a lease is to be brought to: what is assigned, or the last good one where that has failed. */
export function effective({ wanted, good, failed }: LeaseRecord): Held {
  return good && failed?.generation === wanted.generation ? good : wanted;
}

/** The container after which its volumes are called. */
export function volumesOf({ container }: Held): string {
  return container.volumesOf ?? container.id;
}

/** Names of the volumes that are kept for it, and are no folders of the machine. */
export function ownVolumes({ spec }: Held): readonly string[] {
  return spec.volumes.map(({ source }) => source).filter((source) => !source.startsWith('/'));
}

/** Whether another container that is to go has the volumes that this one takes up. */
export function waitsForVolumes(
  { wanted }: LeaseRecord,
  leases: ReadonlyMap<string, LeaseRecord>,
): boolean {
  if (ownVolumes(wanted).length === 0) return false;
  for (const { ending, wanted: other } of leases.values()) {
    const isOther = other.container.id !== wanted.container.id;
    if (ending && isOther && volumesOf(other) === volumesOf(wanted)) return true;
  }
  return false;
}

/** Whether what is to run has not come up before. */
export function isTrial(record: LeaseRecord): boolean {
  return record.good?.specHash !== effective(record).specHash;
}

/** Whether it is to be stopped and started once more than it was. */
export function isRestartDue({ wanted, restarted = wanted.restart }: LeaseRecord): boolean {
  return restarted < wanted.restart;
}

/** Thousandths of a core that it may use now: while another revision is tried, what the larger of the two has, as it is reserved. */
export function promisedCpuMillis(record: LeaseRecord): number {
  const { cpuMillis } = effective(record).spec;
  return isTrial(record) ? Math.max(cpuMillis, record.good?.spec.cpuMillis ?? 0) : cpuMillis;
}

/** Whether something runs in it, or is about to. */
export function isLive({ state }: Pick<SeenContainer, 'state'>): boolean {
  return state === 'running' || state === 'restarting' || state === 'stopping';
}

/** Whether its end, as it was, is what its policy takes for the end of it. */
export function isDone({ spec }: Held, { exitCode }: Pick<SeenContainer, 'exitCode'>): boolean {
  return spec.restart === 'no' || (spec.restart === 'on-failure' && exitCode === 0);
}

/** Whether it has failed as often as it may. */
export function isSpent({ spec }: Held, { restarts }: Pick<SeenContainer, 'restarts'>): boolean {
  return spec.restart === 'on-failure' && restarts >= (spec.maxRestarts ?? Infinity);
}

/** How it ended, as a sentence. */
export function howEnded({ spec }: Held, { exitCode, oomKilled }: End): string {
  const tooMuch = `more than its ${Math.round(spec.memoryBytes / MIB)} MiB of memory.`;
  if (exitCode === undefined) return 'It ended.';
  if (!oomKilled || exitCode === 0) return `It ended with status ${exitCode}.`;
  // The kernel ends one process, which need not be the one that all depends on.
  return exitCode === KILLED
    ? `It was ended for using ${tooMuch}`
    : `It ended with status ${exitCode}: something in it used ${tooMuch}`;
}

/** Whether it is being taken away, whatever the lease is to be by now. */
export function isLeaving({ leaving }: LeaseRecord, { id }: Pick<SeenContainer, 'id'>): boolean {
  return leaving?.includes(id) ?? false;
}

/** The container that is what the lease is to be. Of several the one that runs. */
export function matching(
  record: LeaseRecord,
  containers: readonly SeenContainer[],
): SeenContainer | undefined {
  const { specHash } = effective(record);
  const same = containers.filter((one) => one.specHash === specHash && !isLeaving(record, one));
  return same.find(isLive) ?? same[0];
}

/** A run of a container, as it is metered. */
export interface Running {
  readonly pid: number;
  /** Id of the container. */
  readonly container: string;
  /** Tells one run from another. */
  readonly run: string;
}
