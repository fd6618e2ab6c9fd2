import ipaddr from 'ipaddr.js';

import { AppError } from '../types/errors/app-error.js';
import { quoted } from './quoted.js';

/** Addresses that begin alike; a single address is a prefix of full length. */
export interface IpPrefix {
  readonly family: 4 | 6;
  /** The first address, as a number: the bits after the first `length` are zero. */
  readonly value: bigint;
  readonly length: number;
  /** Canonical (RFC 5952), without the length. */
  readonly address: string;
  /** Canonical, with the length. */
  readonly text: string;
}

const BITS = { 4: 32, 6: 128 } as const;
const LENGTH = /^(0|[1-9]\d{0,2})$/;

/** The prefix of this length that an address, as a number, is in. */
export function prefixOf(family: 4 | 6, value: bigint, length: number): IpPrefix {
  const hostBits = BigInt(BITS[family] - length);
  const first = (value >> hostBits) << hostBits;
  const address = addressText(family, first);
  return { family, value: first, length, address, text: `${address}/${length}` };
}

/** One address in full: no `10.1`, no octal, no zone, and none of IPv4 in IPv6's clothes. */
export function parseAddress(text: string): IpPrefix | undefined {
  const parsed = parse(text);
  if (!parsed) return undefined;
  const value = parsed.toByteArray().reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const family = parsed.kind() === 'ipv4' ? 4 : 6;
  return prefixOf(family, value, BITS[family]);
}

/** An address and a length, or an address alone. Undefined also where an address within the prefix was meant for its first. */
export function parsePrefix(text: string): IpPrefix | undefined {
  const [host, prefix] = around(text);
  return host?.value === prefix?.value ? prefix : undefined;
}

/**
 * The same of what a person wrote, who is told what is wrong with it.
 * @throws {AppError} INPUT_INVALID, also where bits after the prefix are set: what was meant is not for us to guess.
 */
export function requirePrefix(text: string): IpPrefix {
  const [host, prefix] = around(text);
  if (host && prefix?.value === host.value) return prefix;
  const why = prefix
    ? `is an address in a prefix; the prefix is ${prefix.text}`
    : host
      ? 'is no prefix; write 10.99.0.0/24'
      : 'is no IP address';
  throw new AppError('INPUT_INVALID', `${quoted(text)} ${why}.`, { value: text });
}

/** How many addresses it holds. */
export function sizeOf({ family, length }: IpPrefix): bigint {
  return 1n << BigInt(BITS[family] - length);
}

/** Whether each address of the one is in the other. */
export function contains(outer: IpPrefix, inner: IpPrefix): boolean {
  if (outer.family !== inner.family || outer.length > inner.length) return false;
  const hostBits = BigInt(BITS[outer.family] - outer.length);
  return outer.value >> hostBits === inner.value >> hostBits;
}

/** Two prefixes share addresses only where one lies in the other. */
export function overlaps(a: IpPrefix, b: IpPrefix): boolean {
  return contains(a, b) || contains(b, a);
}

/** What a packet to there follows: the longest prefix that it is in, as in every routing table; of equals the first. */
export function longestMatch<T extends { readonly prefix: IpPrefix }>(
  candidates: readonly T[],
  wanted: IpPrefix,
): T | undefined {
  let best: T | undefined;
  for (const one of candidates) {
    if (!contains(one.prefix, wanted)) continue;
    if (!best || one.prefix.length > best.prefix.length) best = one;
  }
  return best;
}

/** The address before the sign, and the prefix that it is in; neither, or the first alone, where that is all that can be read. */
function around(
  text: string,
): readonly [host?: IpPrefix | undefined, prefix?: IpPrefix | undefined] {
  const [address = '', digits, ...rest] = text.split('/');
  const host = parseAddress(address);
  if (!host || digits === undefined) return [host, host];
  if (rest.length > 0 || !LENGTH.test(digits) || Number(digits) > host.length) return [host];
  return [host, prefixOf(host.family, host.value, Number(digits))];
}

function parse(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  if (!text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined;
  const parsed = ipaddr.IPv6.parse(text);
  return parsed.isIPv4MappedAddress() ? undefined : parsed;
}

function addressText(family: 4 | 6, value: bigint): string {
  const bytes = Array.from({ length: BITS[family] / 8 }, (_, index) =>
    Number((value >> BigInt(BITS[family] - 8 * (index + 1))) & 0xffn),
  );
  return family === 4 ? bytes.join('.') : new ipaddr.IPv6(bytes).toRFC5952String();
}
