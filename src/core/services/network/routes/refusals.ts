import type { MeshRoute } from '../mesh-inputs.js';
import type { PolicySubject } from '../policy/policy.js';

import { AppError } from '../../../types/errors/app-error.js';
import {
  contains,
  type IpPrefix,
  longestMatch,
  overlaps,
  requirePrefix,
} from '../../../utils/ip-prefix.js';
import { matches } from '../selector.js';

/** What a new route must not come in the way of. */
export interface Surroundings {
  /** Of the grid's addresses. */
  readonly mesh: readonly IpPrefix[];
  /** Networks that the sources are in themselves, and whose. */
  readonly hosts: readonly { readonly prefix: IpPrefix; readonly node: string }[];
  readonly routes: readonly MeshRoute[];
  /** Where agents find their daemons. */
  readonly daemons: readonly IpPrefix[];
  readonly nodes: readonly (PolicySubject & { readonly isTransit: boolean })[];
}

interface Obstacle {
  readonly prefix: IpPrefix;
  readonly what: string;
}

/**
 * Says why a route cannot be, before anybody is told of it. A route that replaces one with the same id is not held against that.
 * @throws {AppError} NODE_NOT_FOUND, INPUT_INVALID, TRANSIT_REFUSED, ROUTE_LOOPS, ROUTE_OVERLAPS, ROUTE_CUTS_OFF.
 */
export function requireRoute(route: MeshRoute, around: Surroundings): void {
  requireNodes(route, around);
  requireNoLoop(route, around);
  const rival = rivals(route, around).find(({ target }) => target && target === route.target);
  if (rival) {
    throw new AppError(
      'ROUTE_OVERLAPS',
      `Some of the sources reach that node by route ${rival.id} already.`,
      { route: rival.id },
    );
  }
  const prefixes = route.destinations.map(requirePrefix);
  for (const prefix of prefixes) {
    requireDaemons(prefix, around);
    requireRoom(prefix, route, around);
  }
  for (const [index, prefix] of prefixes.entries()) {
    const other = prefixes.slice(0, index).find((one) => overlaps(one, prefix));
    if (other) throw overlap(prefix, { prefix: other, what: 'another destination of this route' });
  }
}

function requireNodes(route: MeshRoute, { nodes }: Surroundings): void {
  const { target, routers, destinations } = route;
  if ((target === undefined) === (destinations.length === 0)) {
    throw new AppError('INPUT_INVALID', 'A route leads to one node, or to networks.');
  }
  if (target === undefined && routers.length === 0) {
    throw new AppError('INPUT_INVALID', 'A route to a network needs a node that forwards.');
  }
  if (new Set(routers).size < routers.length) {
    throw new AppError('INPUT_INVALID', 'A node can forward once in a route.');
  }
  for (const id of [...(target === undefined ? [] : [target]), ...routers]) {
    const node = nodes.find((one) => one.id === id);
    if (!node) throw new AppError('NODE_NOT_FOUND', 'That node is not in the mesh.', { node: id });
    if (id !== target && !node.isTransit) {
      throw new AppError(
        'TRANSIT_REFUSED',
        `The owner of "${node.name}" does not let it forward for others.`,
        { node: id },
      );
    }
  }
  if (!nodes.some((node) => matches(route.source, node))) {
    throw new AppError('NODE_NOT_FOUND', 'No node is a source of this route.');
  }
}

/** A packet that comes back to where it was goes round until its time is over. */
function requireNoLoop(route: MeshRoute, { nodes, routes }: Surroundings): void {
  const { target, routers } = route;
  if (target === undefined) return;
  const goal = nodes.find(({ id }) => id === target);
  if (goal && routers.includes(target)) {
    throw new AppError('ROUTE_LOOPS', `"${goal.name}" cannot be reached by way of itself.`, {
      node: target,
    });
  }
  const sources = nodes.filter((node) => matches(route.source, node));
  if (goal && sources.every(({ id }) => id === target)) {
    throw new AppError('ROUTE_LOOPS', `"${goal.name}" needs no route to itself.`, { node: target });
  }
  // What a router does with a packet for the target, another route may say; followed to its end, none may lead back.
  for (const first of routers) {
    const way = wayBack(
      first,
      target,
      [...routes.filter(({ id }) => id !== route.id), route],
      nodes,
    );
    if (!way) continue;
    const shown = way.map((id) => nodes.find((node) => node.id === id)?.name ?? id).join(' → ');
    throw new AppError('ROUTE_LOOPS', `Packets would go round: ${shown}.`, { node: first });
  }
}

/** The circle that packets for this target would go from this node, by any of the routers that could be chosen; undefined where there is none. */
function wayBack(
  start: string,
  target: string,
  routes: readonly MeshRoute[],
  nodes: Surroundings['nodes'],
): readonly string[] | undefined {
  const seen = new Set<string>();
  const ways: (readonly string[])[] = [[start]];
  for (let way = ways.pop(); way; way = ways.pop()) {
    const at = nodes.find(({ id }) => id === way.at(-1));
    if (!at) continue;
    // Who forwards for a route does not take it.
    const next = routes
      .filter((one) => one.target === target && !one.routers.includes(at.id))
      .filter((one) => matches(one.source, at))
      .flatMap(({ routers }) => routers);
    for (const id of next) {
      if (id === start) return [...way, id];
      if (seen.has(id)) continue;
      seen.add(id);
      ways.push([...way, id]);
    }
  }
  return undefined;
}

function requireDaemons(prefix: IpPrefix, { daemons }: Surroundings): void {
  const daemon = daemons.find((address) => contains(prefix, address));
  if (!daemon) return;
  throw new AppError(
    'ROUTE_CUTS_OFF',
    `${prefix.text} has the daemon in it, ${daemon.address}: sources would lose it.`,
    { prefix: prefix.text, daemon: daemon.address },
  );
}

function requireRoom(prefix: IpPrefix, route: MeshRoute, around: Surroundings): void {
  const obstacles: Obstacle[] = [
    ...around.mesh.map((mesh) => ({ prefix: mesh, what: 'the mesh' })),
    ...around.hosts.map((host) => ({ prefix: host.prefix, what: `a network of "${host.node}"` })),
    ...rivals(route, around).flatMap(({ id, destinations }) =>
      destinations.map((text) => ({ prefix: requirePrefix(text), what: `route ${id}` })),
    ),
  ];
  const inTheWay = obstacles.filter((one) => overlaps(one.prefix, prefix));
  // The one that a packet would follow at present, or else one that would lose some.
  const worst = longestMatch(inTheWay, prefix) ?? inTheWay[0];
  if (worst) throw overlap(prefix, worst);
}

/** Other routes that some node is a source of as well. */
function rivals(route: MeshRoute, { nodes, routes }: Surroundings): readonly MeshRoute[] {
  return routes.filter(
    (other) =>
      other.id !== route.id &&
      nodes.some((node) => matches(other.source, node) && matches(route.source, node)),
  );
}

function overlap(prefix: IpPrefix, { prefix: other, what }: Obstacle): AppError {
  return new AppError(
    'ROUTE_OVERLAPS',
    `${prefix.text} overlaps ${other.text}, which is ${what}.`,
    { prefix: prefix.text, other: other.text },
  );
}
