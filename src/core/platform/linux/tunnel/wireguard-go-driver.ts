import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import type {
  PeerStats,
  TunnelConfig,
  TunnelDriver,
  TunnelProbe,
} from '../../../services/network/tunnel.ports.js';

import { type CheckedTunnel, checkedTunnel } from '../../../services/network/tunnel-rules.js';
import { AppError } from '../../../types/errors/app-error.js';
import { hexOfKey, planPeers, sameEndpoints } from '../../common/wireguard/peer-plan.js';
import { endpointText } from '../../common/wireguard/uapi-text.js';
import { Uapi } from '../../common/wireguard/uapi.js';
import { Firewall } from './firewall.js';
import { Forwarding, noted, noteOf } from './forwarding.js';
import { IpLink } from './ip-link.js';
import { deviceTowards, type IpState } from './ip-state.js';
import { probeTunnel } from './probe.js';
import { Programs } from './programs.js';
import { WireguardProcess } from './wireguard-process.js';

/** IFNAMSIZ is 16 with the end; only what is harmless in every program. */
const NAME = /^[a-z][a-z0-9]{0,14}$/;
const OWNER = /^[A-Za-z0-9-]{1,64}$/;
const LISTEN_TIMEOUT_MS = 5_000;
const POLL_MS = 10;

/** What differs between machines, and in tests. */
export interface WireguardGoOptions {
  /** Of the interface: lower-case letters and digits, at most 15. No two of a machine may have the same one, whatever namespaces they are in. */
  readonly name: string;
  /** Whose the tunnel is, such as the node's id: by it the next process knows it again. */
  readonly owner: string;
  /** The words before a command that run it in another network namespace. */
  readonly within?: readonly string[];
  readonly folders?: readonly string[];
  readonly proc?: string;
  readonly tun?: string;
  readonly sockets?: string;
  readonly systemd?: string;
}

/** WireGuard in user space on Linux, for kernels with and without a WireGuard of their own. */
export class WireguardGoDriver implements TunnelDriver {
  readonly #name: string;
  readonly #places: { readonly proc: string; readonly tun: string };
  readonly #programs: Programs;
  readonly #uapi: Uapi;
  readonly #process: WireguardProcess;
  readonly #link: IpLink;
  readonly #firewall: Firewall;
  readonly #forwarding: Forwarding;
  /** Which endpoint each peer was last said to have. */
  #told: ReadonlyMap<string, string> = new Map();
  #means: { readonly hasIpv6: boolean } | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  /** @throws {AppError} INPUT_INVALID: the name or the owner is none. */
  constructor(options: WireguardGoOptions) {
    const { name, owner, within, folders, proc = '/proc', tun = '/dev/net/tun' } = options;
    const { sockets = '/var/run/wireguard', systemd = '/run/systemd/system' } = options;
    if (!NAME.test(name)) throw new AppError('INPUT_INVALID', 'That is no name of an interface.');
    if (!OWNER.test(owner)) throw new AppError('INPUT_INVALID', 'That is no owner of a tunnel.');
    const socketPath = path.join(sockets, `${name}.sock`);
    this.#name = name;
    this.#places = { proc, tun };
    this.#programs = new Programs({ ...(folders && { folders }), ...(within && { within }) });
    this.#uapi = new Uapi(socketPath);
    const places = { proc, systemd, socketPath };
    this.#process = new WireguardProcess(name, owner, this.#programs, this.#uapi, places);
    this.#link = new IpLink(name, this.#programs);
    this.#firewall = new Firewall(name, this.#programs);
    this.#forwarding = new Forwarding(this.#programs);
  }

  probe(): Promise<TunnelProbe> {
    return probeTunnel(this.#programs, this.#places);
  }

  apply(config: TunnelConfig, signal: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      const tunnel = checkedTunnel(config);
      signal.throwIfAborted();
      const found = await this.#look(tunnel);
      try {
        if (!found) await this.#start();
        await this.#configure(tunnel, found, signal);
      } catch (error) {
        // Why it failed is worth more than why it cannot be taken back.
        if (!found) await this.#takeDown().catch(() => undefined);
        throw error;
      }
    });
  }

  rebind(): Promise<void> {
    return this.#inTurn(async () => {
      if ((await this.#process.find()) === undefined) return;
      await this.#uapi.set(sameEndpoints(await this.#uapi.get()));
    });
  }

  stats(): Promise<readonly PeerStats[] | undefined> {
    return this.#inTurn(async () => {
      if ((await this.#process.find()) === undefined) return undefined;
      const { peers } = await this.#uapi.get();
      const all = [...peers.values()].map(({ key, endpoint, lastHandshakeSeconds, ...counts }) => ({
        publicKey: Buffer.from(key, 'hex').toString('base64'),
        endpoint,
        lastHandshakeAt:
          lastHandshakeSeconds === 0 ? undefined : new Date(lastHandshakeSeconds * 1_000),
        rxBytes: counts.rxBytes,
        txBytes: counts.txBytes,
      }));
      return all.toSorted((a, b) => (a.publicKey < b.publicKey ? -1 : 1));
    });
  }

  remove(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#requireMeans();
      await this.#takeDown();
    });
  }

  /** How things are; undefined where the interface is not there. */
  async #look(tunnel: CheckedTunnel): Promise<IpState | undefined> {
    const { hasIpv6 } = await this.#requireMeans();
    if (!hasIpv6 && tunnel.addresses.some(({ family }) => family === 6)) {
      throw new AppError('TUNNEL_UNSUPPORTED', 'IPv6 is turned off on this machine.');
    }
    const pid = await this.#process.find();
    const state = await this.#link.read();
    const isThere = state.links.has(this.#name);
    if (isThere && pid === undefined) {
      throw new AppError(
        'INTERFACE_TAKEN',
        `The interface ${this.#name} of this machine is not this agent's.`,
        { interface: this.#name },
      );
    }
    this.#link.checkFree(tunnel, state);
    return isThere ? state : undefined;
  }

  async #start(): Promise<void> {
    // One whose interface was taken from it is of no more use.
    await this.#process.stop();
    this.#told = new Map();
    await this.#process.start();
  }

  /** First what may pass, then who, then the way there. */
  async #configure(
    tunnel: CheckedTunnel,
    found: IpState | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const state = found ?? (await this.#link.read());
    const opened = await this.#openedFor(tunnel, state);
    signal.throwIfAborted();
    const { sets, rules, gateway, addresses } = tunnel;
    await this.#firewall.apply({ sets, rules, gateway, addresses, opened });
    signal.throwIfAborted();
    await this.#link.applyLink(tunnel, state);
    if (!found) await this.#untilListening();
    await this.#applyPeers(tunnel);
    signal.throwIfAborted();
    await this.#link.applyRoutes(tunnel, state);
    const forwards = tunnel.gateway.length > 0 || rules.some(({ to }) => to !== undefined);
    await this.#forwarding.open(forwards ? [this.#name, ...opened] : []);
  }

  /** Notes what will forward for our sake before it does, so that whoever comes next can take it back. */
  async #openedFor(tunnel: CheckedTunnel, state: IpState): Promise<readonly string[]> {
    const note = state.links.get(this.#name)?.alias;
    const towards = tunnel.gateway.map((prefix) => deviceTowards(prefix, state.routes, this.#name));
    const devices = [...new Set(towards.filter((device) => device !== undefined))].toSorted();
    const opened = await this.#forwarding.ours(devices, note);
    await this.#forwarding.close(noted(note).filter((device) => !opened.includes(device)));
    if (noteOf(opened) !== note) await this.#link.note(noteOf(opened));
    return opened;
  }

  async #applyPeers(tunnel: CheckedTunnel): Promise<void> {
    const device = await this.#uapi.get();
    const nowSeconds = Date.now() / 1_000;
    await this.#uapi.set(planPeers(device, tunnel, { told: this.#told, nowSeconds }));
    this.#told = new Map(
      tunnel.peers.flatMap(({ publicKey, endpoint }) =>
        endpoint ? [[hexOfKey(publicKey), endpointText(endpoint)] as const] : [],
      ),
    );
  }

  /** The device hears from the kernel that it is up, a moment later; before, it does not say that a port is in use. */
  async #untilListening(): Promise<void> {
    const deadline = Date.now() + LISTEN_TIMEOUT_MS;
    while ((await this.#uapi.get()).listenPort === 0) {
      if (Date.now() > deadline) {
        throw new AppError('TIMED_OUT', `${this.#name} does not come up.`);
      }
      await pause(POLL_MS);
    }
  }

  async #takeDown(): Promise<void> {
    const pid = await this.#process.find();
    const { links } = await this.#link.read();
    const link = links.get(this.#name);
    // Somebody else's of our name, and the table that stands for it: not ours to touch.
    if (pid === undefined && link) return;
    await this.#forwarding.close(noted(link?.alias));
    await this.#process.stop();
    await this.#firewall.remove();
    await this.#process.sweep();
    this.#told = new Map();
  }

  /** Asked until it is so: what is missing later is said by the step that misses it. */
  async #requireMeans(): Promise<{ readonly hasIpv6: boolean }> {
    if (this.#means) return this.#means;
    const probe = await this.probe();
    if (!probe.canMesh) throw new AppError(probe.code, probe.reasons.join(' '));
    this.#means = probe;
    return probe;
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(act);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }
}
