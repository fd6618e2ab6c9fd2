import type {
  ChangedPeer,
  Endpoint,
  EndpointKind,
  MapDelta,
  MapPeer,
  MapRoute,
  MapRule,
  MapSet,
  NetworkMap,
  PeerPatch,
  Protocol,
  Service,
} from '../../../types/models/network.js';

import { AppError } from '../../../types/errors/app-error.js';
import { ENDPOINT_LETTERS } from './tuples.js';

/** What came over the wire. */
export interface Frame {
  readonly sequence: number;
  /** Absent where it is a whole map. */
  readonly previous?: number;
  readonly hash: string;
  readonly delta: MapDelta;
}

type Read<T> = (value: unknown) => T;

const HASH = /^[\w-]{16}$/;
const KINDS = new Map(
  Object.keys(ENDPOINT_LETTERS).flatMap((kind) =>
    isKind(kind) ? [[ENDPOINT_LETTERS[kind], kind] as const] : [],
  ),
);
const PROTOCOLS = new Map<unknown, Protocol>([
  ['tcp', 'tcp'],
  ['udp', 'udp'],
  ['icmp', 'icmp'],
]);
const MAX_PORT = 65_535;

/**
 * Reads a frame, and takes nothing that is not as it has to be: what comes of it becomes rules of a firewall.
 * @throws {AppError} INPUT_INVALID.
 */
export function decodeFrame(text: string): Frame {
  const line = text.indexOf('\n');
  const [sequence, since, hash] = listOf(jsonOf(text.slice(0, line)));
  const body = new Map(Object.entries(objectOf(jsonOf(text.slice(line + 1)))));
  const many = <T>(field: string, read: Read<T>): readonly T[] | undefined => {
    const value = body.get(field);
    return value === undefined ? undefined : listOf(value).map(read);
  };
  const self = body.get('self');
  const delta = {
    self: self === undefined ? undefined : selfFrom(listOf(self)),
    rulesRemoved: many('noRules', asText),
    routesRemoved: many('noRoutes', asText),
    setsRemoved: many('noSets', asText),
    peersRemoved: many('noPeers', asText),
    setsAdded: many('sets', setFrom),
    peersChanged: many('p', changedFrom),
    peersPatched: many('patch', patchFrom),
    rulesAdded: many('rules', ruleFrom),
    routesChanged: many('routes', routeFrom),
  };
  return {
    sequence: asCount(sequence),
    ...(since === null ? {} : { previous: asCount(asCount(sequence) - asCount(since)) }),
    hash: asHash(hash),
    delta: present(delta),
  };
}

function selfFrom([id, name, publicKey, v4, v6]: readonly unknown[]): NetworkMap['self'] {
  return {
    id: asText(id),
    name: asText(name),
    publicKey: asText(publicKey),
    addresses: { v4: asText(v4), v6: asText(v6) },
  };
}

function peerFrom(tuple: readonly unknown[]): MapPeer {
  const [endpoints, isOnline] = tuple.slice(5);
  return {
    ...selfFrom(tuple),
    endpoints: listOf(endpoints).map(endpointFrom),
    isOnline: asFlag(isOnline),
  };
}

function changedFrom(value: unknown): ChangedPeer {
  const tuple = listOf(value);
  return { peer: peerFrom(tuple), sets: listOf(tuple[7]).map(asText) };
}

function patchFrom(value: unknown): PeerPatch {
  const [id, publicKey, endpoints, isOnline] = listOf(value);
  return {
    id: asText(id),
    ...(publicKey === null ? {} : { publicKey: asText(publicKey) }),
    ...(endpoints === null ? {} : { endpoints: listOf(endpoints).map(endpointFrom) }),
    ...(isOnline === null ? {} : { isOnline: asFlag(isOnline) }),
  };
}

function setFrom(value: unknown): MapSet {
  const [id, members] = listOf(value);
  return { id: asText(id), members: listOf(members).map(asText) };
}

function ruleFrom(value: unknown): MapRule {
  const [id, from, services] = listOf(value);
  return { id: asText(id), from: asText(from), services: listOf(services).map(serviceFrom) };
}

function serviceFrom(value: unknown): Service {
  const [word, first, last] = listOf(value);
  const protocol = PROTOCOLS.get(word);
  if (!protocol) throw refusal();
  if (first === undefined) return { protocol };
  return { protocol, ports: { first: asPort(first), last: asPort(last) } };
}

function routeFrom(value: unknown): MapRoute {
  const [id, destinations, target, from, via, standby, metric, health] = listOf(value);
  return {
    id: asText(id),
    destinations: listOf(destinations).map(asText),
    ...(target === null ? {} : { target: asText(target) }),
    from: asText(from),
    ...(via === null ? {} : { via: asText(via) }),
    standby: listOf(standby).map(asText),
    metric: asCount(metric),
    ...(health === null ? {} : { health: asText(health) }),
  };
}

function endpointFrom(value: unknown): Endpoint {
  const text = asText(value);
  const colon = text.lastIndexOf(':');
  const kind = KINDS.get(text.slice(0, 1));
  if (!kind || colon < 2) throw refusal();
  return { host: text.slice(1, colon), port: asPort(Number(text.slice(colon + 1))), kind };
}

/** The fields that are there. */
function present(fields: { [K in keyof MapDelta]: MapDelta[K] | undefined }): MapDelta {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refusal(error);
  }
}

function objectOf(value: unknown): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw refusal();
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw refusal();
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  throw refusal();
}

function asHash(value: unknown): string {
  if (typeof value === 'string' && HASH.test(value)) return value;
  throw refusal();
}

function asCount(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw refusal();
}

function asPort(value: unknown): number {
  const port = asCount(value);
  if (port >= 1 && port <= MAX_PORT) return port;
  throw refusal();
}

function asFlag(value: unknown): boolean {
  if (value === 0 || value === 1) return value === 1;
  throw refusal();
}

function isKind(text: string): text is EndpointKind {
  return Object.hasOwn(ENDPOINT_LETTERS, text);
}

function refusal(cause?: unknown): AppError {
  return new AppError('INPUT_INVALID', 'This is no part of a network map.', {}, { cause });
}
