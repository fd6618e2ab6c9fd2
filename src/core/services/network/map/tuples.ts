import type {
  ChangedPeer,
  Endpoint,
  EndpointKind,
  MapPeer,
  MapRoute,
  MapRule,
  MapSet,
  NetworkMap,
  PeerPatch,
  Service,
} from '../../../types/models/network.js';

/**
 * The entries of a map as they go over the wire, and as they are hashed: lists without names of fields, because each join sends one of them to
 * hundreds of nodes. What each place in them is, `decode.ts` reads.
 */
export const ENDPOINT_LETTERS: Readonly<Record<EndpointKind, string>> = {
  local: 'l',
  seen: 's',
  observed: 'o',
  manual: 'm',
};

export function selfTuple({ id, name, publicKey, addresses }: NetworkMap['self']) {
  return [id, name, publicKey, addresses.v4, addresses.v6];
}

export function peerTuple(peer: MapPeer) {
  return [...selfTuple(peer), peer.endpoints.map(endpointText), peer.isOnline ? 1 : 0];
}

export function changedTuple({ peer, sets }: ChangedPeer) {
  return [...peerTuple(peer), sets];
}

/** What is not changed is null. */
export function patchTuple({ id, publicKey, endpoints, isOnline }: PeerPatch) {
  return [
    id,
    publicKey ?? null,
    endpoints?.map(endpointText) ?? null,
    isOnline === undefined ? null : Number(isOnline),
  ];
}

export function setTuple({ id, members }: MapSet) {
  return [id, members];
}

export function ruleTuple({ id, from, services }: MapRule) {
  return [id, from, services.map(serviceTuple)];
}

function serviceTuple({ protocol, ports }: Service) {
  return ports ? [protocol, ports.first, ports.last] : [protocol];
}

export function routeTuple(route: MapRoute) {
  const { id, destinations, target, from, via, standby, metric, health } = route;
  return [id, destinations, target ?? null, from, via ?? null, standby, metric, health ?? null];
}

/** The port is behind the last colon, so an address of IPv6 needs no brackets. */
function endpointText({ host, port, kind }: Endpoint): string {
  return `${ENDPOINT_LETTERS[kind]}${host}:${port}`;
}
