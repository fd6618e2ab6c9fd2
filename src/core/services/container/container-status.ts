import type {
  Container,
  ContainerDetails,
  ContainerStatus,
  Replica,
  ReplicaPhase,
} from '../../types/models/container.js';
import type { Named } from '../../types/models/member.js';
import type { ContainerState, Lease, StoredContainer, StoredRevision } from './container.ports.js';

/** What is being done rather than gone wrong. */
const ON_ITS_WAY: ReadonlySet<ReplicaPhase> = new Set<ReplicaPhase>([
  'assigned',
  'pulling',
  'starting',
  'stopping',
]);
const AT_REST: ReadonlySet<ReplicaPhase> = new Set<ReplicaPhase>([
  'stopped',
  'exited',
  'failed',
  'ended',
]);

/** A replica as it is to be seen: of a node that says nothing, nothing is known. */
export function phaseOf({ phase, isReachable }: Lease): ReplicaPhase {
  return isReachable || phase === 'lost' ? phase : 'unknown';
}

/** Those that are in the work of a node. */
export function living(leases: readonly Lease[]): readonly Lease[] {
  return leases.filter((lease) => lease.leavingAt === undefined && lease.endedAt === undefined);
}

/** Whether a node has done what it was told last of this lease, and that has come up. */
export function isSettled(lease: Lease): boolean {
  if (lease.observedGeneration < lease.generation) return false;
  const phase = phaseOf(lease);
  if (lease.desired === 'stopped') return AT_REST.has(phase);
  return phase === 'running' || phase === 'exited';
}

/** What a container is over all of its replicas, and why, where that needs to be said. */
export function statusOf(state: ContainerState): {
  readonly status: ContainerStatus;
  readonly reason?: string;
} {
  const { container } = state;
  if (container.desired === 'removed') return ended(state);
  const replicas = living(state.leases);
  if (replicas.length === 0) {
    return { status: 'pending', reason: container.statusReason ?? 'No node has room for it.' };
  }
  const phases = replicas.map(phaseOf);
  if (phases.every((phase) => phase === 'lost' || phase === 'unknown')) {
    return phases.includes('lost')
      ? { status: 'lost', reason: waitsFor(replicas) }
      : { status: 'unknown', reason: silentNodes(replicas) };
  }
  return container.desired === 'stopped'
    ? { status: replicas.every(isSettled) ? 'stopped' : 'stopping' }
    : statusOfRunning(container, replicas);
}

function statusOfRunning(container: StoredContainer, replicas: readonly Lease[]) {
  if (replicas.every((lease) => lease.revision === container.revision && isSettled(lease))) {
    const phases = replicas.map(phaseOf);
    if (phases.every((phase) => phase === 'exited')) {
      return { status: 'exited' as const, ...reasonOf(replicas) };
    }
    if (replicas.length === container.replicas && phases.every((phase) => phase === 'running')) {
      return { status: 'running' as const };
    }
  }
  if (container.stableRevision === undefined) {
    return { status: 'deploying' as const, ...reasonOf(replicas) };
  }
  const isMoving = replicas.some(
    (lease) =>
      lease.isReachable &&
      (lease.revision !== container.revision ||
        lease.observedGeneration < lease.generation ||
        ON_ITS_WAY.has(lease.phase)),
  );
  if (isMoving) return { status: 'updating' as const };
  return { status: 'degraded' as const, ...reasonOf(replicas, container) };
}

function ended({ container, leases }: ContainerState) {
  // It keeps why it failed, for as long as anybody may ask.
  if (container.status === 'failed') {
    return { status: 'failed' as const, ...whyOf(container.statusReason) };
  }
  const open = leases.filter(({ endedAt }) => endedAt === undefined);
  if (open.length === 0) return { status: 'removed' as const };
  const silent = open.filter(({ isReachable }) => !isReachable);
  return {
    status: 'removing' as const,
    ...(silent.length > 0 ? { reason: silentNodes(silent) } : {}),
  };
}

/** What is wrong, of the first replica that has something to say. */
function reasonOf(replicas: readonly Lease[], container?: StoredContainer) {
  const telling = replicas.find(({ report }) => report.reason !== undefined);
  if (telling) return whyOf(`Replica ${telling.replica}: ${telling.report.reason}`);
  const silent = replicas.filter(({ isReachable }) => !isReachable);
  if (silent.length > 0) return whyOf(silentNodes(silent));
  if (container && replicas.length < container.replicas) {
    return whyOf(`${replicas.length} of ${container.replicas} replicas have a place.`);
  }
  return {};
}

function whyOf(reason: string | undefined) {
  return reason === undefined ? {} : { reason };
}

function silentNodes(replicas: readonly Lease[]): string {
  return `Nothing is heard of ${namesOf(replicas)}.`;
}

function waitsFor(replicas: readonly Lease[]): string {
  return `Its volume is on ${namesOf(replicas)}, which it waits for.`;
}

function namesOf(replicas: readonly Lease[]): string {
  return [...new Set(replicas.map(({ node }) => `"${node.name}"`))].join(', ');
}

/** A container as it is answered. */
export function toDetails(state: ContainerState): ContainerDetails {
  const { container, leases, revisions } = state;
  const current = revisionOf(state, container.revision);
  const instances = leases.map((lease) => toReplica(lease));
  return {
    ...toContainer(container, leases, revisions),
    spec: current.spec,
    ...(current.digest === undefined ? {} : { digest: current.digest }),
    instances,
  };
}

/** The same without what only those may see who may touch it. */
export function toContainer(
  container: StoredContainer,
  leases: readonly Lease[],
  revisions: readonly StoredRevision[],
): Container {
  const { wantedNode, payer, selector, lostAfterSeconds, ...rest } = container;
  const { stableRevision: _, removeVolumes: __, removedAt: ___, ...shown } = rest;
  const spoken = living(leases).flatMap(({ observedAt }) => observedAt?.getTime() ?? []);
  const nodes = new Map<string, Named>(leases.map(({ node }) => [node.id, node]));
  return {
    ...shown,
    image: revisionOf({ revisions }, container.revision).spec.image,
    replicasRunning: living(leases).filter((lease) => phaseOf(lease) === 'running').length,
    nodes: [...nodes.values()],
    payFrom: payer,
    placement: { ...(wantedNode ? { node: wantedNode } : {}), selector, lostAfterSeconds },
    ...(spoken.length === 0 ? {} : { observedAt: new Date(Math.min(...spoken)) }),
  };
}

function toReplica(lease: Lease): Replica {
  const { report } = lease;
  const { code, reason, lastWords, exitCode, startedAt, digest, restarts = 0, ports = [] } = report;
  return {
    lease: lease.id,
    replica: lease.replica,
    node: lease.node,
    revision: lease.revision,
    phase: phaseOf(lease),
    ...(reason === undefined ? {} : { reason }),
    ...(code === undefined ? {} : { code }),
    ...(lastWords === undefined ? {} : { lastWords }),
    ...(exitCode === undefined ? {} : { exitCode }),
    restarts,
    ...(startedAt === undefined ? {} : { startedAt: new Date(startedAt) }),
    ports,
    ...(digest === undefined ? {} : { digest }),
    generation: lease.generation,
    observedGeneration: lease.observedGeneration,
    ...(lease.observedAt ? { observedAt: lease.observedAt } : {}),
  };
}

/** @throws {TypeError} where a state was read without that revision. */
export function revisionOf(
  { revisions }: Pick<ContainerState, 'revisions'>,
  revision: number,
): StoredRevision {
  const found = revisions.find((candidate) => candidate.revision === revision);
  if (found) return found;
  throw new TypeError(`Revision ${revision} was not read.`);
}
