import type {
  ContainerEvent,
  ContainerState,
  Lease,
  NodeRoom,
  StoredContainer,
} from './container.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { canonicalJson } from './canonical.js';
import { bothDemands, demandOf } from './defaults.js';
import { isSettled, living, revisionOf, statusOf } from './container-status.js';
import {
  place,
  type Placed,
  type PlacementRequest,
  requireAllPlaced,
  withMore,
} from './placement.js';
import { changedEvent } from './notes.js';
import { nextSteps, type Step } from './rollout.js';

/** Steps that one change may take by itself: more would be a rule that undoes its own work. */
const MAX_ROUNDS = 8;

/** What places are chosen with: without it, none is. */
export interface Placing {
  readonly rooms: readonly NodeRoom[];
  readonly newId: () => string;
  /** Whether it is refused when there is no room, or waits for some. */
  readonly isRequired: boolean;
}

/** Takes all the steps that are due, and says what the container is after them. @throws {AppError} NO_PLACE and the like, where places are required. */
export function onward(before: ContainerState, now: Date, placing?: Placing): ContainerState {
  let state = before;
  let unplaced: string | undefined;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const after = nextSteps(state).reduce((at, step) => {
      if (step.kind !== 'place') return take(at, step, now);
      // Once: what was taken by the first time, the rooms do not know of.
      if (!placing || round > 0) return at;
      const found = withPlaces(at, step, placing, now);
      unplaced = found.unplaced;
      return found.state;
    }, state);
    if (after === state) break;
    state = after;
  }
  return withStatus(state, now, unplaced);
}

/** Where replicas of a container may be. */
export function requestOf(
  state: ContainerState,
  replicas: readonly number[],
  revision: number,
): PlacementRequest {
  const { container, leases } = state;
  const { spec } = revisionOf(state, revision);
  const newest = revisionOf(state, container.revision).spec;
  return {
    ...(container.wantedNode ? { nodeId: container.wantedNode.id } : {}),
    selector: container.selector,
    // Room for what it moves to is there before it moves.
    demand: bothDemands(demandOf(spec), demandOf(newest)),
    replicas,
    beside: living(leases).map(({ node }) => node.id),
  };
}

/**
 * Every replica with room for the newest revision beside the one it has, on the node where it is.
 * @throws {AppError} OFFER_TOO_SMALL, PORT_TAKEN.
 */
export function withRoom(state: ContainerState, rooms: readonly NodeRoom[]): ContainerState {
  const demand = demandOf(revisionOf(state, state.container.revision).spec);
  const open = new Map(rooms.map((room) => [room.id, room]));
  const leases = state.leases.map((lease) => {
    const reserved = bothDemands(lease.reserved, demand);
    const room = open.get(lease.node.id);
    if (lease.leavingAt || !room || canonicalJson(reserved) === canonicalJson(lease.reserved)) {
      return lease;
    }
    open.set(room.id, withMore(room, lease.reserved, reserved));
    return { ...lease, reserved };
  });
  return { ...state, leases };
}

/** One that somebody asked for. */
export function edited(
  state: ContainerState,
  change: Partial<StoredContainer>,
  now: Date,
  changed: readonly string[],
): ContainerState {
  const { container } = state;
  return {
    ...state,
    container: { ...container, ...change, updatedAt: now, version: container.version + 1 },
    events: [...state.events, { type: 'container.updated', payload: { changed } }],
  };
}

/** Every replica that is to live, changed; its node is told. */
export function tellAll(
  state: ContainerState,
  change: (lease: Lease) => Partial<Lease>,
): ContainerState {
  const leases = state.leases.map((lease) =>
    lease.leavingAt || lease.endedAt
      ? lease
      : { ...lease, ...change(lease), generation: lease.generation + 1 },
  );
  return { ...state, leases };
}

function take(
  state: ContainerState,
  step: Exclude<Step, { kind: 'place' }>,
  now: Date,
): ContainerState {
  switch (step.kind) {
    case 'advance':
      return withLease(state, step.lease, (lease) => ({
        ...lease,
        revision: step.revision,
        isPinnedAnew: false,
        generation: lease.generation + 1,
      }));
    case 'pin-anew':
      return pinnedAnew(state, step.lease);
    case 'leave':
      return withLease(state, step.lease, (lease) => ({
        ...lease,
        leavingAt: now,
        endReason: step.reason,
      }));
    case 'settle':
      return settled(state);
    case 'roll-back':
      return rolledBack(state, step.to, step.because, now);
    default:
      return failed(state, step.because, now);
  }
}

/** Its node takes it for another container, and gets the image of the revision with it. */
function pinnedAnew(state: ContainerState, id: string): ContainerState {
  const after = withLease(state, id, (lease) => ({
    ...lease,
    isPinnedAnew: true,
    generation: lease.generation + 1,
  }));
  const told = after.leases.filter((lease) => lease.id === id).map((lease) => changedEvent(lease));
  return { ...after, events: [...after.events, ...told] };
}

/** Nothing of the revision before is needed any more, nor the room that was held for it. */
function settled(state: ContainerState): ContainerState {
  const { container } = state;
  const demand = demandOf(revisionOf(state, container.revision).spec);
  return {
    ...state,
    container: { ...container, stableRevision: container.revision },
    leases: state.leases.map((lease) => (lease.leavingAt ? lease : { ...lease, reserved: demand })),
  };
}

function rolledBack(state: ContainerState, to: number, because: Lease, now: Date): ContainerState {
  const { container } = state;
  const { revision } = container;
  const { reason = 'It did not come up.', code = 'CONTAINER_ROLLED_BACK' } = because.report;
  const back = state.leases.map((lease) =>
    lease.revision === revision && !lease.leavingAt
      ? { ...lease, revision: to, isPinnedAnew: false, generation: lease.generation + 1 }
      : lease,
  );
  return {
    container: { ...container, revision: to, updatedAt: now, version: container.version + 1 },
    leases: back,
    revisions: state.revisions.map((one) => {
      if (one.revision === revision) return { ...one, state: 'failed' as const, reason };
      return one.revision === to ? { ...one, state: 'current' as const } : one;
    }),
    events: [
      ...state.events,
      {
        type: 'container.rolled-back',
        payload: {
          from: revision,
          to,
          replica: because.replica,
          node: because.node.name,
          code,
          reason,
        },
      },
    ],
  };
}

/** It gives everything up, so that the next try with its name works. */
function failed(state: ContainerState, because: Lease, now: Date): ContainerState {
  const { report, replica, node } = because;
  const statusReason = report.reason ?? `Replica ${replica} did not come up on "${node.name}".`;
  const { container } = state;
  const status = { status: 'failed', statusReason, statusSince: now } as const;
  // What it made for nothing goes; what was there before, or what a replica that runs may have written, does not.
  const removeVolumes = container.volumesOf === undefined && !living(state.leases).some(isSettled);
  return {
    ...state,
    container: { ...freed(container, now), ...status, desired: 'removed', removeVolumes },
    leases: state.leases.map((lease) =>
      lease.leavingAt ? lease : { ...lease, leavingAt: now, endReason: 'failed' },
    ),
    revisions: state.revisions.map((one) =>
      one.revision === container.revision
        ? { ...one, state: 'failed' as const, reason: statusReason }
        : one,
    ),
    events: [
      ...state.events,
      statusEvent(container, 'failed', statusReason, {
        code: report.code,
        replica,
        node: node.name,
      }),
    ],
  };
}

/** Without its name, which is free from now on. */
export function freed(container: StoredContainer, now: Date): StoredContainer {
  return {
    ...container,
    name: `${container.name}~${container.id.slice(0, 8)}`,
    formerName: container.name,
    removedAt: now,
    updatedAt: now,
    version: container.version + 1,
  };
}

function withPlaces(
  state: ContainerState,
  step: Extract<Step, { kind: 'place' }>,
  { rooms, newId, isRequired }: Placing,
  now: Date,
): { readonly state: ContainerState; readonly unplaced: string | undefined } {
  const request = requestOf(state, step.replicas, step.revision);
  const found = place(request, rooms);
  const unplaced = isRequired ? undefined : refusalOf(request, found);
  if (isRequired) requireAllPlaced(request, found);
  if (found.placements.length === 0) return { state, unplaced };
  const leases = found.placements.map(({ replica, node }): Lease => ({
    id: newId(),
    replica,
    node,
    isReachable: true,
    isGone: false,
    lastSeenAt: now,
    revision: step.revision,
    desired: state.container.desired === 'stopped' ? 'stopped' : 'running',
    restart: 0,
    generation: 1,
    reserved: request.demand,
    createdAt: now,
    isPinnedAnew: false,
    observedGeneration: 0,
    phase: 'assigned',
    report: {},
  }));
  const events = leases.map(({ id, replica, node }) => ({
    type: 'container.placed' as const,
    payload: { lease: id, replica, node: node.name },
  }));
  const all = [...state.leases, ...leases].toSorted((a, b) => a.replica - b.replica);
  return { state: { ...state, leases: all, events: [...state.events, ...events] }, unplaced };
}

function refusalOf(request: PlacementRequest, placed: Placed): string | undefined {
  try {
    requireAllPlaced(request, placed);
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return error.message;
    throw error;
  }
}

function withStatus(
  state: ContainerState,
  now: Date,
  unplaced: string | undefined,
): ContainerState {
  const { container } = state;
  const found = statusOf(state);
  const { status } = found;
  const reason =
    status === 'pending' || status === 'degraded' ? (unplaced ?? found.reason) : found.reason;
  if (status === container.status && reason === container.statusReason) return state;
  const { statusReason: _, ...rest } = container;
  const isSame = status === container.status;
  return {
    ...state,
    container: {
      ...rest,
      status,
      ...(reason === undefined ? {} : { statusReason: reason }),
      statusSince: isSame ? container.statusSince : now,
    },
    events: isSame ? state.events : [...state.events, statusEvent(container, status, reason)],
  };
}

function statusEvent(
  { status: from }: StoredContainer,
  status: StoredContainer['status'],
  reason: string | undefined,
  more: Readonly<Record<string, unknown>> = {},
): ContainerEvent {
  const payload = { from, status, ...(reason === undefined ? {} : { reason }), ...more };
  return { type: 'container.status-changed', payload };
}

function withLease(
  state: ContainerState,
  id: string,
  change: (lease: Lease) => Lease,
): ContainerState {
  return {
    ...state,
    leases: state.leases.map((lease) => (lease.id === id ? change(lease) : lease)),
  };
}
