import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

import type { TunnelConfig, TunnelPeer } from '../../src/core/services/network/tunnel.ports.js';

import { newTunnelKeys, type TunnelKeys } from '../../src/core/platform/common/wireguard/keys.js';
import { WireguardGoDriver } from '../../src/core/platform/linux/tunnel/wireguard-go-driver.js';
import { waitFor } from './wait-for.js';

const run = promisify(execFile);
const PORT = 51_820;
const COMMAND_TIMEOUT_MS = 20_000;
/** What is behind the routers: a host that tells whoever connects by which address it sees him. */
export const LAN = { prefix: '10.99.0.0/24', host: '10.99.0.10', port: 7001 } as const;
export const MESH = { v4: '10.77.0.0/24', v6: 'fd77::/64' } as const;

let made = 0;

/** A machine of the lab, in a network namespace of its own. */
export interface LabHost {
  readonly namespace: string;
  /** The words before a command that run it there. */
  readonly within: readonly string[];
  /** Runs it there, and answers with what it prints, whatever its status. */
  run(...words: readonly string[]): Promise<string>;
  /** A ping every 5 ms; `end` tells how many were lost. */
  ping(address: string, ...words: readonly string[]): Promise<RunningPing>;
  /** Answers with `text`, or the address of whoever connects. */
  listen(port: number, text?: string): Promise<void>;
  /** What the server there says; undefined where nothing comes back within a second. */
  connect(address: string, port: number): Promise<string | undefined>;
}

export interface RunningPing {
  end(): Promise<{ readonly sent: number; readonly lost: number }>;
}

/** A machine that is in the mesh. */
export interface LabNode extends LabHost {
  readonly device: string;
  readonly owner: string;
  readonly keys: TunnelKeys;
  readonly v4: string;
  readonly v6: string;
  /** Where others reach it from the first packet on; undefined behind a NAT. */
  readonly outside: string | undefined;
  readonly driver: WireguardGoDriver;
  /** Another driver for the same tunnel, as an agent has it that was started anew. */
  newDriver(): WireguardGoDriver;
  /** All of the mesh, with whatever is different. */
  config(changes?: Partial<TunnelConfig>): TunnelConfig;
  apply(changes?: Partial<TunnelConfig>): Promise<void>;
}

/** So many replies more, and what was sent before has come back or is lost. */
const AFTER_END = 20;
const REPLIES_TIMEOUT_MS = 5_000;

export type NodeName = 'a' | 'b' | 'c' | 'd';

export interface Lab extends AsyncDisposable {
  readonly nodes: Readonly<Record<NodeName, LabNode>>;
  readonly lan: LabHost;
  /** The peers of a node, with the LAN at the one that is named. */
  peersOf(name: NodeName, router?: NodeName): readonly TunnelPeer[];
  /** Brings up the mesh, responders first. */
  converge(changes?: Partial<Record<NodeName, Partial<TunnelConfig>>>): Promise<void>;
}

/** Lets everybody in the mesh do everything. */
export const OPEN: TunnelConfig['firewall'] = {
  sets: { everybody: [MESH.v4, MESH.v6] },
  rules: [{ from: 'everybody', services: [] }],
};

/** Also to the LAN, for a router. */
export const OPEN_ROUTER: TunnelConfig['firewall'] = {
  sets: { ...OPEN.sets, lan: [LAN.prefix] },
  rules: [...OPEN.rules, { from: 'everybody', to: 'lan', services: [] }],
};

/** Four machines: a, b and c on one network, d behind a NAT; b and c are also on a LAN where a host is. */
export async function meshLab(): Promise<Lab> {
  made += 1;
  const world = new LabWorld(`syn-${process.pid}-${made}`, `t${process.pid.toString(36)}x${made}`);
  try {
    const lab = world.build();
    await lab.lan.listen(LAN.port);
    return lab;
  } catch (error) {
    await world[Symbol.asyncDispose]();
    throw error;
  }
}

const ip = (...args: readonly string[]) => execFileSync('ip', args, { stdio: 'pipe' });

/** Nothing that comes unasked gets in: what routers at home do. */
const NAT_RULES = `
table ip nat { chain post { type nat hook postrouting priority srcnat; oifname "eth0" masquerade; }; }
table ip door {
  chain input { type filter hook input priority 0; policy drop; iifname "lan" accept; ct state established,related accept; };
  chain forward { type filter hook forward priority 0; policy drop; iifname "lan" accept; ct state established,related accept; };
}
`;

class LabWorld implements AsyncDisposable {
  readonly #name: string;
  readonly #device: string;
  readonly #namespaces: string[] = [];
  readonly #children = new Set<ChildProcess>();
  readonly #nodes: LabNode[] = [];

  constructor(name: string, device: string) {
    this.#name = name;
    this.#device = device;
  }

  build(): Lab {
    const net = this.#namespace('net');
    ip('-n', net, 'link', 'add', 'switch', 'type', 'bridge');
    ip('-n', net, 'link', 'set', 'switch', 'up');
    const lan = this.#namespace('lan');
    ip('-n', lan, 'link', 'add', 'switch', 'type', 'bridge');
    ip('-n', lan, 'link', 'set', 'switch', 'up');
    ip('-n', lan, 'address', 'add', `${LAN.host}/24`, 'dev', 'switch');
    const nodes = {
      a: this.#node('a', 1, '192.0.2.1'),
      b: this.#node('b', 2, '192.0.2.2'),
      c: this.#node('c', 3, '192.0.2.3'),
      d: this.#node('d', 4),
    };
    for (const node of [nodes.a, nodes.b, nodes.c]) {
      this.#plug(node.namespace, 'eth0', `${node.outside ?? ''}/24`, net);
    }
    this.#plug(nodes.b.namespace, 'lan', '10.99.0.2/24', lan);
    this.#plug(nodes.c.namespace, 'lan', '10.99.0.3/24', lan);
    this.#buildNat(nodes.d.namespace, net);
    const peersOf = (name: NodeName, router?: NodeName): readonly TunnelPeer[] =>
      (['a', 'b', 'c', 'd'] as const)
        .filter((other) => other !== name)
        .map((other) => peerOf(nodes[other], nodes[name], other === router ? [LAN.prefix] : []));
    return {
      nodes,
      lan: this.#host(lan),
      peersOf,
      async converge(changes = {}) {
        for (const name of ['a', 'b', 'c', 'd'] as const) {
          await nodes[name].apply({ peers: peersOf(name), ...changes[name] });
        }
      },
      [Symbol.asyncDispose]: () => this[Symbol.asyncDispose](),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) await end(child, 'SIGKILL');
    for (const node of this.#nodes) await node.newDriver().remove().catch(report);
    for (const namespace of this.#namespaces) {
      try {
        ip('netns', 'del', namespace);
      } catch {
        // It was not made.
      }
    }
  }

  #namespace(name: string): string {
    const namespace = `${this.#name}-${name}`;
    this.#namespaces.push(namespace);
    ip('netns', 'add', namespace);
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    // A new one may begin as the machine is, and that may be a router.
    execFileSync('ip', ['netns', 'exec', namespace, 'sysctl', '-qw', 'net.ipv4.ip_forward=0']);
    return namespace;
  }

  #plug(namespace: string, device: string, address: string, network: string): void {
    const port = `port${made}x${this.#ports}`;
    this.#ports += 1;
    ip('-n', namespace, 'link', 'add', device, 'type', 'veth', 'peer', port, 'netns', network);
    ip('-n', network, 'link', 'set', port, 'master', 'switch', 'up');
    ip('-n', namespace, 'address', 'add', address, 'dev', device);
    ip('-n', namespace, 'link', 'set', device, 'up');
  }
  #ports = 0;

  #buildNat(inside: string, net: string): void {
    const nat = this.#namespace('nat');
    this.#plug(nat, 'eth0', '192.0.2.9/24', net);
    ip('-n', inside, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'lan', 'netns', nat);
    ip('-n', nat, 'address', 'add', '192.168.50.1/24', 'dev', 'lan');
    ip('-n', nat, 'link', 'set', 'lan', 'up');
    ip('-n', inside, 'address', 'add', '192.168.50.2/24', 'dev', 'eth0');
    ip('-n', inside, 'link', 'set', 'eth0', 'up');
    ip('-n', inside, 'route', 'add', 'default', 'via', '192.168.50.1');
    execFileSync('ip', ['netns', 'exec', nat, 'sysctl', '-qw', 'net.ipv4.ip_forward=1']);
    execFileSync('ip', ['netns', 'exec', nat, 'nft', '-f', '-'], { input: NAT_RULES });
  }

  #node(name: NodeName, number: number, outside?: string): LabNode {
    const namespace = this.#namespace(name);
    const host = this.#host(namespace);
    const device = `${this.#device}${name}`;
    const owner = `${this.#name}-${name}`;
    const keys = newTunnelKeys();
    const newDriver = () => new WireguardGoDriver({ name: device, owner, within: host.within });
    const v4 = `10.77.0.${number}`;
    const v6 = `fd77::${number}`;
    const driver = newDriver();
    const config = (changes: Partial<TunnelConfig> = {}): TunnelConfig => ({
      privateKey: keys.privateKey,
      listenPort: PORT,
      addresses: [v4, v6],
      mtuBytes: 1_420,
      peers: [],
      routes: [MESH.v4, MESH.v6],
      firewall: OPEN,
      gateway: [],
      ...changes,
    });
    const node: LabNode = {
      ...host,
      device,
      owner,
      keys,
      v4,
      v6,
      outside,
      driver,
      newDriver,
      config,
      apply: (changes) => driver.apply(config(changes), new AbortController().signal),
    };
    this.#nodes.push(node);
    return node;
  }

  #host(namespace: string): LabHost {
    const within = ['ip', 'netns', 'exec', namespace] as const;
    const start = (...words: readonly string[]) => {
      const child = spawn('ip', [...within.slice(1), ...words], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, LC_ALL: 'C' },
      });
      this.#children.add(child);
      return child;
    };
    return {
      namespace,
      within,
      run: (...words) => output([...within, ...words]),
      ping: async (address, ...words) => {
        const child = start('ping', '-n', '-i', '0.005', ...words, address);
        const said = collected(child);
        await waitFor(`a first reply of ${address}`, () => said().includes('bytes from'));
        return {
          // Those that are still on their way when it is ended are not lost: it goes on until some have come back that were sent after that.
          async end() {
            const before = Math.max(...replies(said()));
            const isOver = () => Math.max(...replies(said())) >= before + AFTER_END;
            await waitFor(`replies of ${address} to the end`, isOver, REPLIES_TIMEOUT_MS).catch(
              () => undefined,
            );
            await end(child, 'SIGINT');
            const came = replies(said());
            const [, transmitted] = /(\d+) packets transmitted/.exec(said()) ?? [];
            if (transmitted === undefined) throw new Error(`That ping counts nothing: ${said()}`);
            const last = Math.max(...came);
            // Where the end was waited for in vain, all that was sent counts.
            const sent = last >= before + AFTER_END ? last : Number(transmitted);
            return { sent, lost: sent - new Set(came).size };
          },
        };
      },
      listen: async (port, text) => {
        const answer = text === undefined ? 's.remoteAddress' : JSON.stringify(text);
        const program = `require('net').createServer((s) => { s.on('error', () => {}); s.end(${answer}); }).listen(${port}, '::', () => console.log('ready'))`;
        const said = collected(start(process.execPath, '-e', program));
        await waitFor(`a server at ${port}`, () => said().includes('ready'));
      },
      connect: async (address, port) => {
        const program = `const s = require('net').connect(${port}, '${address}'); s.setTimeout(1000, () => process.exit()); s.on('data', (d) => { process.stdout.write(d); process.exit(); }); s.on('error', () => process.exit())`;
        const said = await output([...within, process.execPath, '-e', program]);
        return said === '' ? undefined : said.replace('::ffff:', '');
      },
    };
  }
}

/** Numbers of the replies that came, from 1 on. */
function replies(said: string): readonly number[] {
  return [...said.matchAll(/bytes from .*icmp_seq=(\d+)/g)].map(([, number]) => Number(number));
}

/** As `to` is to know the peer. One that is behind a NAT has to speak first, and again before the NAT forgets. */
function peerOf(peer: LabNode, to: LabNode, networks: readonly string[]): TunnelPeer {
  return {
    publicKey: peer.keys.publicKey,
    allowedIps: [`${peer.v4}/32`, `${peer.v6}/128`, ...networks],
    ...(peer.outside !== undefined && { endpoint: { host: peer.outside, port: PORT } }),
    keepaliveSeconds: to.outside === undefined ? 1 : 0,
  };
}

/** What it prints, whatever its status. */
async function output(words: readonly string[]): Promise<string> {
  const [program = '', ...args] = words;
  const options = { timeout: COMMAND_TIMEOUT_MS, env: { ...process.env, LC_ALL: 'C' } };
  return run(program, args, options).then(
    ({ stdout }) => stdout,
    (error: { stdout?: string }) => error.stdout ?? '',
  );
}

function collected(child: ChildProcess): () => string {
  let said = '';
  child.stdout?.on('data', (chunk) => {
    said += String(chunk);
  });
  return () => said;
}

async function end(child: ChildProcess, signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close', { signal: AbortSignal.timeout(COMMAND_TIMEOUT_MS) });
  child.kill(signal);
  await closed;
}

function report(error: unknown): void {
  process.stderr.write(`A tunnel of the lab was left: ${String(error)}\n`);
}
