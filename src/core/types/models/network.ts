/** Of a node in the mesh; both are its own and neither is given to another while it is remembered. */
export interface MeshAddresses {
  readonly v4: string;
  readonly v6: string;
}

/**
 * Who says that a node is to be reached here: the node, of its own interfaces (`local`); the daemon, of its connection (`seen`); another node, of
 * packets that came (`observed`); a person (`manual`).
 */
export type EndpointKind = 'local' | 'seen' | 'observed' | 'manual';

export interface Endpoint {
  /** An address, never a name: nobody looks anything up on the way to a packet. */
  readonly host: string;
  readonly port: number;
  readonly kind: EndpointKind;
}

/** A node as the mesh knows it. */
export interface MeshNode {
  readonly id: string;
  readonly name: string;
  readonly ownerId: string;
  readonly labels: Readonly<Record<string, string>>;
  /** X25519, in base64, as WireGuard writes it. */
  readonly publicKey: string;
  readonly addresses: MeshAddresses;
  /** Best first. */
  readonly endpoints: readonly Endpoint[];
  readonly isOnline: boolean;
  /** Its owner lets it forward, and so read, what is between others. */
  readonly isTransit: boolean;
}

/** Another node, as one node is told of it. Which prefixes it carries besides its own addresses, the routes say. */
export interface MapPeer {
  readonly id: string;
  readonly name: string;
  readonly publicKey: string;
  readonly addresses: MeshAddresses;
  readonly endpoints: readonly Endpoint[];
  readonly isOnline: boolean;
}

/** What of a peer changes without anything else: small, and frequent. */
export interface PeerPatch {
  readonly id: string;
  readonly publicKey?: string;
  readonly endpoints?: readonly Endpoint[];
  readonly isOnline?: boolean;
}

export type Protocol = 'tcp' | 'udp' | 'icmp';

/** What may pass: a protocol, and of tcp and udp the ports, both ends included. */
export interface Service {
  readonly protocol: Protocol;
  readonly ports?: { readonly first: number; readonly last: number };
}

/** Who may begin to talk to this node. */
export interface MapRule {
  readonly id: string;
  /** Id of the set that the other side has to be in. */
  readonly from: string;
  /** Nothing here means everything. */
  readonly services: readonly Service[];
}

/** Peers that rules and routes speak of as one; never the node itself. */
export interface MapSet {
  /** A letter and digits: it may stand in the rules of a firewall. */
  readonly id: string;
  /** Ids of peers, in order. */
  readonly members: readonly string[];
}

/**
 * A route that this node has a part in. Who is among `via` and `standby` forwards; who is `target` sends what it answers the same way back;
 * everybody else that has it is a source.
 */
export interface MapRoute {
  readonly id: string;
  /** Prefixes behind the router; none where a node is the target, whose addresses are the destination. */
  readonly destinations: readonly string[];
  /** The node that is the destination; absent where networks behind a router are. */
  readonly target?: string;
  /** Set of those whose packets go this way. */
  readonly from: string;
  /** Id of the node that forwards at present; absent where it goes straight. */
  readonly via?: string;
  /** Who takes its place, in order: an agent may go on to the next when no daemon answers. */
  readonly standby: readonly string[];
  readonly metric: number;
  /** What a router asks to know that what is behind it lives: `tcp://10.99.0.10:7001`. */
  readonly health?: string;
}

/** All that one node has to know of the mesh. Every list is in the order of its ids. */
export interface NetworkMap {
  readonly sequence: number;
  readonly self: Pick<MapPeer, 'id' | 'name' | 'publicKey' | 'addresses'>;
  readonly peers: readonly MapPeer[];
  readonly routes: readonly MapRoute[];
  readonly policy: { readonly rules: readonly MapRule[]; readonly sets: readonly MapSet[] };
}

/** A peer that is new or another, and which of the sets it is in; of these, a node minds those that it has. */
export interface ChangedPeer {
  readonly peer: MapPeer;
  readonly sets: readonly string[];
}

/** What has changed in a map, in the order in which it is to be applied. Whatever is named that a node does not have, it passes over. */
export interface MapDelta {
  readonly self?: NetworkMap['self'];
  readonly peersRemoved?: readonly string[];
  readonly peersChanged?: readonly ChangedPeer[];
  readonly peersPatched?: readonly PeerPatch[];
  readonly setsRemoved?: readonly string[];
  readonly setsAdded?: readonly MapSet[];
  readonly rulesRemoved?: readonly string[];
  readonly rulesAdded?: readonly MapRule[];
  readonly routesRemoved?: readonly string[];
  readonly routesChanged?: readonly MapRoute[];
}

/** What an agent says of the map that it has applied; a hash that is not the daemon's is mended with a whole map. */
export interface MapAcknowledgement {
  readonly sequence: number;
  readonly hash: string;
}
