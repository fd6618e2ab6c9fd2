import type {
  PeerStats,
  TunnelConfig,
  TunnelDriver,
  TunnelProbe,
} from '../../src/core/services/network/tunnel.ports.js';

import { checkedTunnel } from '../../src/core/services/network/tunnel-rules.js';
import { AppError } from '../../src/core/types/errors/app-error.js';
import { parsePrefix } from '../../src/core/utils/ip-prefix.js';

interface Kept {
  readonly owner: string;
  config: TunnelConfig;
  peers: Map<string, PeerStats>;
}

/** A machine that is only memory: what its tunnels have to share. */
export class MemoryMachine {
  readonly tunnels = new Map<string, Kept>();
  /** Of others, in their canonical forms, and ports of UDP. */
  readonly taken = {
    interfaces: new Set<string>(),
    prefixes: new Set<string>(),
    ports: new Set<number>(),
  };
  probe: TunnelProbe = { canMesh: true, hasIpv6: true };
}

/** The port as its docs say. What a test does to a peer, it does by `hear`. */
export class MemoryTunnel implements TunnelDriver {
  /** How often a tunnel that was there was told that the machine's addresses are others. */
  rebinds = 0;
  readonly #machine: MemoryMachine;
  readonly #name: string;
  readonly #owner: string;
  #told = new Map<string, string>();
  #queue: Promise<unknown> = Promise.resolve();

  constructor(machine: MemoryMachine, name: string, owner: string) {
    this.#machine = machine;
    this.#name = name;
    this.#owner = owner;
  }

  /** What was applied last. */
  get config(): TunnelConfig | undefined {
    return this.#own()?.config;
  }

  /** A peer is heard from. */
  hear(publicKey: string, changes: Partial<PeerStats>): void {
    const peers = this.#own()?.peers;
    const peer = peers?.get(publicKey);
    if (peer) peers?.set(publicKey, { ...peer, ...changes });
  }

  async probe(): Promise<TunnelProbe> {
    return this.#machine.probe;
  }

  apply(config: TunnelConfig, signal: AbortSignal): Promise<void> {
    return this.#inTurn(() => {
      const tunnel = checkedTunnel(config);
      signal.throwIfAborted();
      const { hasIpv6 } = this.#requireMeans();
      if (!hasIpv6 && tunnel.addresses.some(({ family }) => family === 6)) {
        throw new AppError('TUNNEL_UNSUPPORTED', 'IPv6 is turned off on this machine.');
      }
      const { interfaces, prefixes, ports } = this.#machine.taken;
      const other = this.#machine.tunnels.get(this.#name);
      if (interfaces.has(this.#name) || (other && other.owner !== this.#owner)) {
        throw new AppError('INTERFACE_TAKEN', `${this.#name} is another's.`);
      }
      const conflict = [...tunnel.addresses, ...tunnel.routes].find(({ text }) =>
        prefixes.has(text),
      );
      if (conflict) throw new AppError('TUNNEL_CONFLICT', `${conflict.text} is another's.`);
      if (ports.has(config.listenPort))
        throw new AppError('TUNNEL_CONFLICT', 'That port is taken.');
      const before = this.#own()?.peers ?? new Map<string, PeerStats>();
      const peers = tunnel.peers.map((peer) => {
        const known = before.get(peer.publicKey);
        const present = known ?? {
          publicKey: peer.publicKey,
          endpoint: undefined,
          lastHandshakeAt: undefined,
          rxBytes: 0,
          txBytes: 0,
        };
        const endpoint = peer.endpoint && this.#isNews(peer.publicKey, peer.endpoint, known);
        return [peer.publicKey, endpoint ? { ...present, endpoint } : present] as const;
      });
      this.#machine.tunnels.set(this.#name, { owner: this.#owner, config, peers: new Map(peers) });
      this.#told = new Map(
        tunnel.peers.map(({ publicKey, endpoint }) => [publicKey, JSON.stringify(endpoint)]),
      );
    });
  }

  rebind(): Promise<void> {
    return this.#inTurn(() => {
      if (this.#own()) this.rebinds += 1;
    });
  }

  stats(): Promise<readonly PeerStats[] | undefined> {
    return this.#inTurn(() => {
      const peers = this.#own()?.peers;
      return peers && [...peers.values()].toSorted((a, b) => (a.publicKey < b.publicKey ? -1 : 1));
    });
  }

  remove(): Promise<void> {
    return this.#inTurn(() => {
      this.#requireMeans();
      if (this.#own()) this.#machine.tunnels.delete(this.#name);
    });
  }

  #own(): Kept | undefined {
    const kept = this.#machine.tunnels.get(this.#name);
    return kept?.owner === this.#owner ? kept : undefined;
  }

  /** As a device in touch with a peer that moved: it stays, unless it was told another place. */
  #isNews(
    key: string,
    endpoint: { host: string; port: number },
    known: PeerStats | undefined,
  ): { host: string; port: number } | undefined {
    const before = this.#told.get(key);
    const isStale = (known?.lastHandshakeAt?.getTime() ?? 0) < Date.now() - 180_000;
    const isTold = before !== undefined && before !== JSON.stringify(endpoint);
    return known?.endpoint === undefined || isTold || isStale ? endpoint : undefined;
  }

  #requireMeans(): { readonly hasIpv6: boolean } {
    const { probe } = this.#machine;
    if (!probe.canMesh) throw new AppError(probe.code, probe.reasons.join(' '));
    return probe;
  }

  #inTurn<T>(act: () => T): Promise<T> {
    const turn = this.#queue.then(act);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }
}

/** As a machine has it in its tables. */
export function canonical(prefix: string): string {
  return parsePrefix(prefix)?.text ?? prefix;
}
