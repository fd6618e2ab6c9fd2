import type { TunnelConfig, TunnelPeer, TunnelRule, TunnelService } from './tunnel.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { contains, type IpPrefix, parseAddress, parsePrefix } from '../../utils/ip-prefix.js';
import { quoted } from '../../utils/quoted.js';

/** 32 bytes: the last character of the 43 before the sign has two bits of meaning less. */
const KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;
const LONGEST_NAME = 200;
const MOST = {
  peers: 10_000,
  prefixes: 50_000,
  sets: 2_000,
  rules: 5_000,
  routes: 4_000,
  addresses: 8,
} as const;
/** RFC 8200: what IPv6 needs at least. Above is what an Ethernet with jumbo frames has left. */
const MTU_BYTES = { least: 1_280, most: 8_920 } as const;
const LONGEST_KEEPALIVE_SECONDS = 65_535;
const LAST_PORT = 65_535;

export interface CheckedPeer extends Omit<TunnelPeer, 'allowedIps'> {
  readonly allowedIps: readonly IpPrefix[];
}

/** A configuration in which every word is what it should be. */
export interface CheckedTunnel {
  readonly privateKey: string;
  readonly listenPort: number;
  readonly mtuBytes: number;
  readonly addresses: readonly IpPrefix[];
  readonly peers: readonly CheckedPeer[];
  readonly routes: readonly IpPrefix[];
  readonly gateway: readonly IpPrefix[];
  /** No prefix of a set is within another one of it. */
  readonly sets: ReadonlyMap<string, readonly IpPrefix[]>;
  readonly rules: readonly TunnelRule[];
}

/** Every word checked, every prefix in its canonical form. @throws {AppError} INPUT_INVALID, with the field. */
export function checkedTunnel(config: TunnelConfig): CheckedTunnel {
  if (!KEY.test(config.privateKey)) throw wrong('privateKey', 'is no key of WireGuard');
  checkNumber('listenPort', config.listenPort, 1, LAST_PORT);
  checkNumber('mtuBytes', config.mtuBytes, MTU_BYTES.least, MTU_BYTES.most);
  checkCount('addresses', config.addresses.length, MOST.addresses);
  if (config.addresses.length === 0) throw wrong('addresses', 'is empty');
  const addresses = distinct(
    'addresses',
    config.addresses.map((text) => parseAddress(text) ?? refuse('addresses', text, 'no address')),
  );
  const routes = distinct('routes', prefixes('routes', config.routes));
  const peers = checkedPeers(config.peers);
  checkCount('routes', routes.length, MOST.routes);
  for (const route of routes) {
    if (route.length === 0) throw wrong('routes', 'holds everything, and so the way to the peers');
  }
  checkNoLoop(routes, peers);
  const gateway = distinct('gateway', prefixes('gateway', config.gateway));
  for (const { family, length, text } of gateway) {
    if (family === 6 || length === 0) refuse('gateway', text, 'no network of IPv4');
  }
  const sets = checkedSets(config.firewall.sets);
  checkRules(config.firewall.rules, sets);
  const { privateKey, listenPort, mtuBytes } = config;
  const { rules } = config.firewall;
  return { privateKey, listenPort, mtuBytes, addresses, peers, routes, gateway, sets, rules };
}

/** Without those that lie in others: a firewall takes each address once. */
export function withoutCovered(list: readonly IpPrefix[]): readonly IpPrefix[] {
  const kept: IpPrefix[] = [];
  const inOrder = list.toSorted((a, b) =>
    a.family !== b.family
      ? a.family - b.family
      : a.value === b.value
        ? a.length - b.length
        : a.value < b.value
          ? -1
          : 1,
  );
  for (const prefix of inOrder) {
    const last = kept.at(-1);
    if (!last || !contains(last, prefix)) kept.push(prefix);
  }
  return kept;
}

function checkedPeers(peers: readonly TunnelPeer[]): readonly CheckedPeer[] {
  checkCount('peers', peers.length, MOST.peers);
  const keys = new Set<string>();
  const owners = new Map<string, string>();
  return peers.map((peer) => {
    const { publicKey, endpoint } = peer;
    if (!KEY.test(publicKey)) refuse('peers.publicKey', publicKey, 'no key of WireGuard');
    if (keys.has(publicKey)) refuse('peers.publicKey', publicKey, 'there twice');
    keys.add(publicKey);
    checkNumber('peers.keepaliveSeconds', peer.keepaliveSeconds, 0, LONGEST_KEEPALIVE_SECONDS);
    const allowedIps = prefixes('peers.allowedIps', peer.allowedIps);
    for (const { text } of allowedIps) {
      if (owners.has(text)) refuse('peers.allowedIps', text, 'given to two peers, or twice');
      owners.set(text, publicKey);
    }
    if (!endpoint) return { ...peer, allowedIps };
    checkNumber('peers.endpoint.port', endpoint.port, 1, LAST_PORT);
    const host = parseAddress(endpoint.host);
    if (!host) return refuse('peers.endpoint.host', endpoint.host, 'no address');
    return { ...peer, allowedIps, endpoint: { host: host.address, port: endpoint.port } };
  });
}

/** A peer that is reached through the tunnel cannot be the other end of it. */
function checkNoLoop(routes: readonly IpPrefix[], peers: readonly CheckedPeer[]): void {
  for (const { endpoint } of peers) {
    const host = endpoint && parseAddress(endpoint.host);
    const route = host && routes.find((candidate) => contains(candidate, host));
    if (route) {
      throw wrong('routes', `holds ${route.text}, and the endpoint ${host.address} is in it`);
    }
  }
}

function checkedSets(
  sets: TunnelConfig['firewall']['sets'],
): ReadonlyMap<string, readonly IpPrefix[]> {
  const entries = Object.entries(sets);
  checkCount('firewall.sets', entries.length, MOST.sets);
  const total = entries.reduce((sum, [, members]) => sum + members.length, 0);
  checkCount('firewall.sets', total, MOST.prefixes);
  return new Map(
    entries.map(([name, members]) => {
      if (name === '' || name.length > LONGEST_NAME) refuse('firewall.sets', name, 'no name');
      return [name, withoutCovered(prefixes('firewall.sets', members))];
    }),
  );
}

function checkRules(rules: readonly TunnelRule[], sets: ReadonlyMap<string, unknown>): void {
  checkCount('firewall.rules', rules.length, MOST.rules);
  for (const { from, to, services } of rules) {
    if (!sets.has(from)) refuse('firewall.rules.from', from, 'the name of no set');
    if (to !== undefined && !sets.has(to)) refuse('firewall.rules.to', to, 'the name of no set');
    checkCount('firewall.rules.services', services.length, MOST.sets);
    for (const service of services) checkService(service);
  }
}

function checkService({ protocol, ports }: TunnelService): void {
  if (!['tcp', 'udp', 'icmp'].includes(protocol)) {
    refuse('firewall.rules.services', protocol, 'no protocol');
  }
  if (!ports) return;
  if (protocol === 'icmp') throw wrong('firewall.rules.services', 'gives icmp ports');
  checkNumber('firewall.rules.services.ports', ports.first, 1, LAST_PORT);
  checkNumber('firewall.rules.services.ports', ports.last, ports.first, LAST_PORT);
}

function prefixes(field: string, texts: readonly string[]): readonly IpPrefix[] {
  checkCount(field, texts.length, MOST.prefixes);
  return texts.map((text) => parsePrefix(text) ?? refuse(field, text, 'no prefix'));
}

function distinct(field: string, list: readonly IpPrefix[]): readonly IpPrefix[] {
  const seen = new Set<string>();
  for (const { text } of list) {
    if (seen.has(text)) refuse(field, text, 'there twice');
    seen.add(text);
  }
  return list;
}

function checkNumber(field: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw wrong(field, `is ${value}, and not a whole number from ${least} to ${most}`);
}

function checkCount(field: string, count: number, most: number): void {
  if (count > most) throw wrong(field, `holds ${count}; ${most} is the most`);
}

function refuse(field: string, text: string, what: string): never {
  throw wrong(field, `holds ${quoted(text.slice(0, LONGEST_NAME))}, which is ${what}`);
}

function wrong(field: string, what: string): AppError {
  return new AppError('INPUT_INVALID', `The tunnel's ${field} ${what}.`, { field });
}
