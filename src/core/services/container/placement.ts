import type { Rejection } from '../../types/models/container.js';
import type { Named } from '../../types/models/member.js';
import type { Demand, NodeRoom } from './container.ports.js';

import { AppError } from '../../types/errors/app-error.js';

const MIB = 2 ** 20;
/** Replicas of one node; as many as one frame of its work names. */
const MAX_LEASES_PER_NODE = 512;
/** Nodes that a refusal tells of by name. */
const MAX_TOLD = 8;

export interface PlacementRequest {
  /** The only node that it may be. */
  readonly nodeId?: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly demand: Demand;
  /** Numbers of the replicas that want a place. */
  readonly replicas: readonly number[];
  /** Nodes where others of the same container are, each as often as it has one. */
  readonly beside: readonly string[];
}

export interface Placed {
  readonly placements: readonly { readonly replica: number; readonly node: Named }[];
  /** Of every node that takes none, or no more. */
  readonly rejections: readonly Rejection[];
}

/** Room of a node while places are chosen. */
interface Open {
  readonly room: NodeRoom;
  readonly taken: Demand;
  readonly leases: number;
  /** Replicas of this container. */
  readonly own: number;
}

/**
 * Chooses a place for each replica, as long as there is one: the node with the fewest replicas of this container, of those the one that has the
 * least memory left afterwards, then the least of its cores, then the first by name. The same question has the same answer.
 */
export function place(request: PlacementRequest, rooms: readonly NodeRoom[]): Placed {
  const open = new Map<string, Open>();
  for (const room of rooms.toSorted(byName)) {
    const own = request.beside.filter((id) => id === room.id).length;
    open.set(room.id, { room, taken: room.taken, leases: room.leases, own });
  }
  const placements: { replica: number; node: Named }[] = [];
  for (const replica of request.replicas) {
    const best = bestOf(request, [...open.values()]);
    if (!best) break;
    const { id, name } = best.room;
    open.set(id, withOneMore(best, request.demand));
    placements.push({ replica, node: { id, name } });
  }
  const chosen = new Set(placements.map(({ node }) => node.id));
  const isComplete = placements.length === request.replicas.length;
  const rejections = [...open.values()]
    .filter(({ room }) => !isComplete || !chosen.has(room.id))
    .flatMap((node) => rejectionOf(request, node) ?? []);
  return { placements, rejections };
}

/** @throws {AppError} why there is no place: with the code of the node that was named, or NO_PLACE with what each node says. */
export function requireAllPlaced(request: PlacementRequest, placed: Placed): Placed {
  const missing = request.replicas.length - placed.placements.length;
  if (missing === 0) return placed;
  const [named] = placed.rejections.filter(({ node }) => node.id === request.nodeId);
  if (named) throw new AppError(named.code, named.message, { node: named.node.id });
  const told = placed.rejections.slice(0, MAX_TOLD).map(({ message }) => message);
  const more = placed.rejections.length - told.length;
  const many =
    request.replicas.length > 1 ? `${missing} of ${request.replicas.length} replicas` : 'it';
  const why = placed.rejections.length === 0 ? ['The grid has no nodes.'] : told;
  throw new AppError(
    'NO_PLACE',
    [`There is no place for ${many}.`, ...why, ...(more > 0 ? [`So do ${more} more.`] : [])].join(
      ' ',
    ),
    { missing },
  );
}

function bestOf(request: PlacementRequest, nodes: readonly Open[]): Open | undefined {
  return nodes
    .filter((node) => rejectionOf(request, node) === undefined)
    .toSorted(
      (a, b) =>
        a.own - b.own ||
        left(a, 'memoryBytes') - left(b, 'memoryBytes') ||
        left(a, 'cpuMillis') - left(b, 'cpuMillis') ||
        byName(a.room, b.room),
    )[0];
}

function rejectionOf(
  { nodeId, selector, demand }: PlacementRequest,
  node: Open,
): Rejection | undefined {
  const { room } = node;
  const reject = (code: Rejection['code'], message: string): Rejection => ({
    node: { id: room.id, name: room.name },
    code,
    message,
  });
  if (nodeId !== undefined && nodeId !== room.id) {
    return reject('NODE_NOT_SELECTED', `"${room.name}" is not the node that was named.`);
  }
  const unlike = Object.entries(selector).find(([key, value]) => room.labels[key] !== value);
  if (unlike) {
    return reject('NODE_NOT_SELECTED', `"${room.name}" has no label ${unlike.join('=')}.`);
  }
  if (!room.isReachable) {
    const since = room.lastSeenAt ? `, last heard of at ${room.lastSeenAt.toISOString()}` : '';
    return reject('NODE_OFFLINE', `"${room.name}" is not connected${since}.`);
  }
  if (room.isDrained) return reject('NODE_DRAINED', `"${room.name}" is drained.`);
  if (!room.engine) {
    const why = room.engineProblem ? `: ${room.engineProblem}` : '.';
    return reject('ENGINE_MISSING', `"${room.name}" has no container engine${why}`);
  }
  return lacking(node, demand);
}

/** What of its offer, or which port, a node does not have for this. */
function lacking(node: Open, demand: Demand): Rejection | undefined {
  const { id, name } = node.room;
  const port = demand.hostPorts.find((wanted) => node.taken.hostPorts.includes(wanted));
  if (port !== undefined) {
    return {
      node: { id, name },
      code: 'PORT_TAKEN',
      message: `Port ${port} of "${name}" is taken.`,
    };
  }
  const short = shortageOf(node, demand);
  if (short === undefined) return undefined;
  return { node: { id, name }, code: 'OFFER_TOO_SMALL', message: `"${name}" ${short}` };
}

/**
 * The same node, with more of it taken in the place of what was.
 * @throws {AppError} OFFER_TOO_SMALL, PORT_TAKEN.
 */
export function withMore(room: NodeRoom, before: Demand, after: Demand): NodeRoom {
  const without: Demand = {
    cpuMillis: room.taken.cpuMillis - before.cpuMillis,
    memoryBytes: room.taken.memoryBytes - before.memoryBytes,
    hostPorts: room.taken.hostPorts.filter((port) => !before.hostPorts.includes(port)),
  };
  const node = { room, taken: without, leases: room.leases - 1, own: 0 };
  const refusal = lacking(node, after);
  if (refusal) throw new AppError(refusal.code, refusal.message, { node: room.id });
  const { taken, leases } = withOneMore(node, after);
  return { ...room, taken, leases };
}

function shortageOf(node: Open, demand: Demand): string | undefined {
  const { offer } = node.room;
  if (offer?.cpuMillis === undefined || offer.memoryBytes === undefined) {
    return 'offers no cores and memory.';
  }
  const memory = left(node, 'memoryBytes');
  if (demand.memoryBytes > memory) {
    return `has ${mib(memory)} of memory left of its offer of ${mib(offer.memoryBytes)}, and ${mib(demand.memoryBytes)} are asked for.`;
  }
  const cpu = left(node, 'cpuMillis');
  if (demand.cpuMillis > cpu) {
    return `has ${cores(cpu)} left of its offer of ${cores(offer.cpuMillis)}, and ${cores(demand.cpuMillis)} are asked for.`;
  }
  return node.leases < MAX_LEASES_PER_NODE
    ? undefined
    : `runs ${MAX_LEASES_PER_NODE} replicas already.`;
}

function left({ room, taken }: Open, part: 'memoryBytes' | 'cpuMillis'): number {
  return Math.max(0, (room.offer?.[part] ?? 0) - taken[part]);
}

function withOneMore(node: Open, demand: Demand): Open {
  const { taken } = node;
  return {
    ...node,
    taken: {
      cpuMillis: taken.cpuMillis + demand.cpuMillis,
      memoryBytes: taken.memoryBytes + demand.memoryBytes,
      hostPorts: [...taken.hostPorts, ...demand.hostPorts],
    },
    leases: node.leases + 1,
    own: node.own + 1,
  };
}

function byName(a: Named, b: Named): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function mib(bytes: number): string {
  return `${Number((bytes / MIB).toFixed(1))} MiB`;
}

function cores(millis: number): string {
  return `${millis / 1_000} cores`;
}
