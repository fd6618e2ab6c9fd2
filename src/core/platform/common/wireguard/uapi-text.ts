import { isIP } from 'node:net';

import { AppError } from '../../../types/errors/app-error.js';
import { parsePrefix } from '../../../utils/ip-prefix.js';

/** A peer as the device has it. */
export interface DevicePeer {
  /** Lower-case hex, as the protocol writes it. */
  readonly key: string;
  readonly endpoint: { readonly host: string; readonly port: number } | undefined;
  /** Seconds since 1970; 0 before the first. */
  readonly lastHandshakeSeconds: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly keepaliveSeconds: number;
  /** Canonical prefixes. */
  readonly allowedIps: ReadonlySet<string>;
}

/** What a device says of itself. */
export interface Device {
  /** Hex; undefined before one was set. */
  readonly privateKey: string | undefined;
  readonly listenPort: number;
  readonly peers: ReadonlyMap<string, DevicePeer>;
}

type OpenPeer = { -readonly [Key in keyof Omit<DevicePeer, 'allowedIps'>]: DevicePeer[Key] } & {
  readonly allowedIps: Set<string>;
};

const HEX_KEY = /^[0-9a-f]{64}$/;
const DIGITS = /^\d{1,19}$/;

/**
 * The answer to `get=1` (https://www.wireguard.com/xplatform/): lines of `key=value`, each `public_key` begins a peer, an errno at the end. Keys that are not
 * known are passed over, as the protocol wants it; a known one with a value that it cannot have is an error.
 */
export function parseDevice(text: string): Device {
  const peers = new Map<string, OpenPeer>();
  let privateKey: string | undefined;
  let listenPort = 0;
  let peer: OpenPeer | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const at = line.indexOf('=');
    if (at < 1) throw unreadable(line);
    const [key, value] = [line.slice(0, at), line.slice(at + 1)];
    if (key === 'private_key') privateKey = hexKey(value);
    else if (key === 'listen_port') listenPort = number(value);
    else if (key === 'public_key') {
      peer = emptyPeer(hexKey(value));
      peers.set(peer.key, peer);
    } else if (peer) setField(peer, key, value);
  }
  return { privateKey, listenPort, peers };
}

/** As the protocol has it: an IPv6 address in brackets. */
export function endpointText({ host, port }: { host: string; port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function emptyPeer(key: string): OpenPeer {
  return {
    key,
    endpoint: undefined,
    lastHandshakeSeconds: 0,
    rxBytes: 0,
    txBytes: 0,
    keepaliveSeconds: 0,
    allowedIps: new Set(),
  };
}

function setField(peer: OpenPeer, key: string, value: string): void {
  if (key === 'endpoint') peer.endpoint = endpoint(value);
  else if (key === 'last_handshake_time_sec') peer.lastHandshakeSeconds = number(value);
  else if (key === 'rx_bytes') peer.rxBytes = number(value);
  else if (key === 'tx_bytes') peer.txBytes = number(value);
  else if (key === 'persistent_keepalive_interval') peer.keepaliveSeconds = number(value);
  else if (key === 'allowed_ip') peer.allowedIps.add(prefix(value));
}

function endpoint(value: string): { host: string; port: number } {
  const [, bracketed, bare, port = ''] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value) ?? [];
  const host = (bracketed ?? bare ?? '').replace(/%.*$/, '');
  if (isIP(host) === 0) throw unreadable(value);
  return { host, port: number(port) };
}

function prefix(value: string): string {
  const parsed = parsePrefix(value);
  if (!parsed) throw unreadable(value);
  return parsed.text;
}

function hexKey(value: string): string {
  if (!HEX_KEY.test(value)) throw unreadable('a key');
  return value;
}

function number(value: string): number {
  const parsed = Number(value);
  if (!DIGITS.test(value) || !Number.isSafeInteger(parsed)) throw unreadable(value);
  return parsed;
}

function unreadable(what: string): AppError {
  return new AppError(
    'TUNNEL_FAILED',
    `WireGuard answers what cannot be read: ${JSON.stringify(what.slice(0, 80))}.`,
  );
}
