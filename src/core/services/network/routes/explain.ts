import type { Service } from '../../../types/models/network.js';
import type { MeshRoute, MeshRule } from '../mesh-inputs.js';
import type { PolicySubject } from '../policy/policy.js';
import type { Choice } from './choice.js';

import { contains, type IpPrefix, longestMatch, requirePrefix } from '../../../utils/ip-prefix.js';
import { type Verdict, verdictOf } from '../policy/verdict.js';
import { matches } from '../selector.js';

/** Where packets are to go: to a node, or to what is behind one. */
export type Goal =
  | { readonly kind: 'node'; readonly node: PolicySubject }
  | { readonly kind: 'address'; readonly address: IpPrefix };

/** Why a route that could have been meant is not the one. */
export interface PassedOver {
  readonly routeId: string;
  /** Its source is somebody else; its prefix is shorter than that of the one that is taken. */
  readonly why: 'not-a-source' | 'shorter-prefix';
  readonly prefix?: string;
}

/** Where packets go, and why. */
export interface Explanation {
  /** Nothing leads there: no rule and no route, or a route none of whose routers lives. */
  readonly kind: 'direct' | 'routed' | 'unreachable';
  /** Ids of nodes, from the first to the last in the mesh. */
  readonly hops: readonly string[];
  readonly route?: MeshRoute;
  /** That the packet follows, of those of the route. */
  readonly prefix?: string;
  /** Who forwards, why, and why each other one does not. */
  readonly choice?: Choice;
  /** What lets it pass: an owner, a rule, or the route itself. Between nodes only: behind a router, the route is what allows. */
  readonly verdict: Verdict | { readonly kind: 'route'; readonly routeId: string };
  readonly passedOver: readonly PassedOver[];
}

interface Known {
  readonly routes: readonly MeshRoute[];
  readonly rules: readonly MeshRule[];
  /** Who of a route's routers is chosen at present. */
  readonly choiceOf: (routeId: string) => Choice;
}

/** The way from a node to another, or to an address behind one, by what the map of the source says. */
export function explainPath(
  from: PolicySubject,
  goal: Goal,
  service: Service,
  known: Known,
): Explanation {
  return goal.kind === 'node'
    ? toNode(from, goal.node, service, known)
    : toAddress(from, goal.address, known);
}

function toNode(
  from: PolicySubject,
  to: PolicySubject,
  service: Service,
  { routes, rules, choiceOf }: Known,
): Explanation {
  const towards = routes.filter(({ target }) => target === to.id);
  const route = towards.find((one) => matches(one.source, from));
  const passedOver = towards.filter((one) => one !== route).map(({ id }) => notASource(id));
  const ruled = verdictOf(from, to, service, rules);
  if (!route) {
    const [kind, hops] =
      ruled.kind === 'denied'
        ? (['unreachable', [from.id]] as const)
        : (['direct', [from.id, to.id]] as const);
    return { kind, hops, verdict: ruled, passedOver };
  }
  const verdict = ruled.kind === 'denied' ? ({ kind: 'route', routeId: route.id } as const) : ruled;
  if (route.routers.length === 0) {
    return { kind: 'direct', hops: [from.id, to.id], route, verdict, passedOver };
  }
  return { ...routed(from, route, choiceOf, [to.id]), verdict, passedOver };
}

function toAddress(
  from: PolicySubject,
  address: IpPrefix,
  { routes, choiceOf }: Known,
): Explanation {
  const leading = routes
    .flatMap((route) => route.destinations.map((text) => ({ route, prefix: requirePrefix(text) })))
    .filter(({ prefix }) => contains(prefix, address));
  const own = leading.filter(({ route }) => matches(route.source, from));
  const best = longestMatch(own, address);
  const passedOver = leading
    .filter((one) => one !== best)
    .map(({ route, prefix }) =>
      matches(route.source, from)
        ? { routeId: route.id, why: 'shorter-prefix' as const, prefix: prefix.text }
        : notASource(route.id),
    );
  if (!best) {
    return { kind: 'unreachable', hops: [from.id], verdict: { kind: 'denied' }, passedOver };
  }
  const { route, prefix } = best;
  const verdict = { kind: 'route', routeId: route.id } as const;
  const way = routed(from, route, choiceOf, []);
  return { ...way, prefix: prefix.text, verdict, passedOver };
}

function routed(
  from: PolicySubject,
  route: MeshRoute,
  choiceOf: Known['choiceOf'],
  rest: readonly string[],
): Pick<Explanation, 'kind' | 'hops' | 'route' | 'choice'> {
  // Who forwards for a route reaches what is at its end by itself.
  if (route.routers.includes(from.id)) return { kind: 'direct', hops: [from.id, ...rest], route };
  const choice = choiceOf(route.id);
  if (!choice.chosen) return { kind: 'unreachable', hops: [from.id], route, choice };
  return { kind: 'routed', hops: [from.id, choice.chosen.nodeId, ...rest], route, choice };
}

function notASource(routeId: string): PassedOver {
  return { routeId, why: 'not-a-source' };
}
