import { randomBytes } from 'node:crypto';

import type { CheckedPeer, CheckedTunnel } from '../../../services/network/tunnel-rules.js';

import { type Device, type DevicePeer, endpointText } from './uapi-text.js';

/** Without a handshake for so long, the keys of a session are void (REJECT_AFTER_TIME of the paper): the endpoint proves nothing any more. */
const IN_TOUCH_SECONDS = 180;

/** What is known beside what the device says. */
export interface PeerPlanContext {
  /** Endpoints that the device was told, by hex key: a peer may have moved since. */
  readonly told: ReadonlyMap<string, string>;
  readonly nowSeconds: number;
}

/**
 * The lines that make the device as it should be; none where it is. In their order no prefix is ever without a peer that is to have one, and none is
 * with two: first the peers that get prefixes take them from those that had them; what nobody is to have goes with a peer that is made for it and removed.
 * (`replace_allowed_ips` would take all from a peer for a moment, and packets with them.)
 */
export function planPeers(
  device: Device,
  tunnel: Pick<CheckedTunnel, 'privateKey' | 'listenPort' | 'peers'>,
  context: PeerPlanContext,
): readonly string[] {
  const wanted = new Map(tunnel.peers.map((peer) => [hexOfKey(peer.publicKey), peer]));
  const given = new Set(
    tunnel.peers.flatMap(({ allowedIps }) => allowedIps.map(({ text }) => text)),
  );
  const kept = [...device.peers.values()].filter(({ key }) => wanted.has(key));
  const stray = kept.flatMap(({ allowedIps }) => [...allowedIps].filter((ip) => !given.has(ip)));
  const gone = [...device.peers.keys()].filter((key) => !wanted.has(key));
  return [
    ...deviceLines(device, tunnel),
    ...[...wanted].flatMap(([key, peer]) => peerLines(key, peer, device.peers.get(key), context)),
    ...(stray.length > 0 ? buryLines(stray) : []),
    ...gone.flatMap(removalLines),
  ];
}

/** The lines that tell each peer's endpoint again: with it the device forgets which of our addresses it spoke from. */
export function sameEndpoints({ peers }: Device): readonly string[] {
  return [...peers.values()].flatMap(({ key, endpoint }) =>
    endpoint ? [`public_key=${key}`, 'update_only=true', `endpoint=${endpointText(endpoint)}`] : [],
  );
}

/** As the protocol writes a key that is in base64 elsewhere. */
export function hexOfKey(base64: string): string {
  return Buffer.from(base64, 'base64').toString('hex');
}

function deviceLines(
  device: Device,
  { privateKey, listenPort }: { privateKey: string; listenPort: number },
): readonly string[] {
  const key = clamped(privateKey);
  return [
    ...(device.privateKey === key ? [] : [`private_key=${key}`]),
    ...(device.listenPort === listenPort ? [] : [`listen_port=${listenPort}`]),
  ];
}

function peerLines(
  key: string,
  peer: CheckedPeer,
  present: DevicePeer | undefined,
  context: PeerPlanContext,
): readonly string[] {
  const endpoint = peer.endpoint && endpointText(peer.endpoint);
  const lines = [
    ...(endpoint !== undefined && isNews(key, endpoint, present, context)
      ? [`endpoint=${endpoint}`]
      : []),
    ...((present?.keepaliveSeconds ?? 0) === peer.keepaliveSeconds
      ? []
      : [`persistent_keepalive_interval=${peer.keepaliveSeconds}`]),
    ...peer.allowedIps
      .filter(({ text }) => present?.allowedIps.has(text) !== true)
      .map(({ text }) => `allowed_ip=${text}`),
  ];
  if (present && lines.length === 0) return [];
  return [`public_key=${key}`, ...(present ? ['update_only=true'] : []), ...lines];
}

/** A peer that has moved and is in touch stays where it is, unless what it is to be has changed. */
function isNews(
  key: string,
  endpoint: string,
  present: DevicePeer | undefined,
  { told, nowSeconds }: PeerPlanContext,
): boolean {
  if (!present?.endpoint) return true;
  if (endpointText(present.endpoint) === endpoint) return false;
  const before = told.get(key);
  if (before !== undefined && before !== endpoint) return true;
  return nowSeconds - present.lastHandshakeSeconds > IN_TOUCH_SECONDS;
}

function buryLines(stray: readonly string[]): readonly string[] {
  const grave = randomBytes(32).toString('hex');
  return [
    `public_key=${grave}`,
    ...stray.map((prefix) => `allowed_ip=${prefix}`),
    ...removalLines(grave),
  ];
}

function removalLines(key: string): readonly string[] {
  return [`public_key=${key}`, 'remove=true'];
}

/** As the device says it: three bits cleared, one bit set, one cleared (RFC 7748, 5). */
function clamped(privateKey: string): string {
  const bytes = Buffer.from(privateKey, 'base64');
  bytes[0] = (bytes[0] ?? 0) & 248;
  bytes[31] = ((bytes[31] ?? 0) & 127) | 64;
  return bytes.toString('hex');
}
