/** A machine on the other end of the tunnel. Between two configurations it is known again by its key. */
export interface TunnelPeer {
  /** X25519, in base64, as WireGuard writes it. */
  readonly publicKey: string;
  /**
   * Where to send first: an address, never a name. Absent where the peer has to speak first. A peer that was heard from elsewhere since, and is in
   * touch, is left there.
   */
  readonly endpoint?: { readonly host: string; readonly port: number };
  /** Prefixes that go to this peer and may come from it, all of them; each has one peer at most. */
  readonly allowedIps: readonly string[];
  /** For those behind a NAT: something is sent so often at least. 0 is never. */
  readonly keepaliveSeconds: number;
}

/** A protocol, and of tcp and udp the ports, both ends included. Of icmp that is the echo request: errors belong to what they are about. */
export interface TunnelService {
  readonly protocol: 'tcp' | 'udp' | 'icmp';
  readonly ports?: { readonly first: number; readonly last: number };
}

/** Lets conversations begin. Answers, and what belongs to a conversation that has begun, always pass; what no rule lets pass is dropped. */
export interface TunnelRule {
  /** Name of the set that the sender is in. */
  readonly from: string;
  /** Name of the set that the destination is in, which this machine forwards to; absent, the destination is this machine. */
  readonly to?: string;
  /** Nothing here means everything. */
  readonly services: readonly TunnelService[];
}

/** How the tunnel of a machine is to be. Whatever is not here is not in it. */
export interface TunnelConfig {
  /** X25519, in base64. It is never written to a file or an argument by a driver. */
  readonly privateKey: string;
  /** UDP, on every address of the machine. */
  readonly listenPort: number;
  /** The machine's own in the mesh. */
  readonly addresses: readonly string[];
  readonly mtuBytes: number;
  readonly peers: readonly TunnelPeer[];
  /** Prefixes that this machine sends into the tunnel. */
  readonly routes: readonly string[];
  readonly firewall: {
    /** Addresses and prefixes of both families, by any name. */
    readonly sets: Readonly<Record<string, readonly string[]>>;
    readonly rules: readonly TunnelRule[];
  };
  /**
   * Prefixes of networks outside the mesh that others reach through this machine. It forwards to them, as the rules with `to` allow, under its own
   * address there, so that nobody there needs a route back. IPv4 only.
   */
  readonly gateway: readonly string[];
}

/** What a peer has come to. */
export interface PeerStats {
  readonly publicKey: string;
  /** Where it is spoken to at present. */
  readonly endpoint: { readonly host: string; readonly port: number } | undefined;
  /** The last time that keys were agreed on; every two minutes while something is sent. Undefined before the first. */
  readonly lastHandshakeAt: Date | undefined;
  readonly rxBytes: number;
  readonly txBytes: number;
}

/** Whether this machine can be in a mesh. */
export type TunnelProbe =
  | {
      readonly canMesh: true;
      /** Where not, the tunnel has addresses of IPv4 only. */
      readonly hasIpv6: boolean;
    }
  | {
      readonly canMesh: false;
      readonly code: 'TUNNEL_UNSUPPORTED' | 'TUNNEL_DENIED';
      /** A sentence each, with what to install or to run. */
      readonly reasons: readonly string[];
    };

/**
 * One tunnel of this machine: its interface, and all that belongs to it. What it makes outlives the process that made it, and is found again by the next
 * one of the same owner. Nothing of anybody else is changed or removed, with one exception: a machine that is to forward gets its interfaces towards
 * the `gateway` set to, and back when the tunnel goes. Calls of one driver wait for each other; each has a time-out of its own.
 * @throws {AppError} of every call: TUNNEL_UNSUPPORTED, TUNNEL_DENIED (see `probe`), INTERFACE_TAKEN (something of another owner has the name),
 *   TUNNEL_FAILED (the system refused for another reason, which the message has), TIMED_OUT.
 */
export interface TunnelDriver {
  /** Changes nothing. Throws nothing. */
  probe(): Promise<TunnelProbe>;
  /**
   * Makes the tunnel be so, by what differs: what is right already is not touched, and no packet is lost by that. What packets may do changes at
   * once, never by and by, and is in force before the first one can pass. A prefix that goes from one peer to another is with one of them at each moment.
   * All that can be known to be wrong is refused before anything is changed; when the first call fails later, all is taken back, and when another one
   * does, calling again goes on from there.
   * @param signal - gives up between two steps.
   * @throws {AppError} INPUT_INVALID (with `field`), TUNNEL_CONFLICT (an address, a route or the port is somebody else's on this machine),
   *   TUNNEL_UNSUPPORTED (also: an address of IPv6 where that is turned off).
   */
  apply(config: TunnelConfig, signal: AbortSignal): Promise<void>;
  /** The machine's own addresses are others now: from the next packet on, peers are spoken to from these. Where there is no tunnel, nothing. */
  rebind(): Promise<void>;
  /** Undefined where there is no tunnel. In the order of the keys. */
  stats(): Promise<readonly PeerStats[] | undefined>;
  /** Leaves nothing. One that is gone is gone. */
  remove(): Promise<void>;
}
