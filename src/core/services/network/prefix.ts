import ipaddr from 'ipaddr.js';

import { AppError } from '../../types/errors/app-error.js';
import { quoted } from '../../utils/quoted.js';

export type Family = 4 | 6;

/** Addresses that begin alike. The bits after the first `length` are zero. */
export interface Prefix {
  readonly family: Family;
  readonly base: bigint;
  readonly length: number;
}

export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

const BITS = { 4: 32, 6: 128 } as const;
const LENGTH = /^\d{1,3}$/;

/**
 * An address as people write it, in full: no `10.1`, no octal, no zone, and none of IPv4 in IPv6's clothes.
 * @throws {AppError} INPUT_INVALID.
 */
export function parseAddress(text: string): Address {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return addressOf(4, ipaddr.IPv4.parse(text));
  if (text.includes(':') && !text.includes('%') && ipaddr.IPv6.isValid(text)) {
    const parsed = ipaddr.IPv6.parse(text);
    if (!parsed.isIPv4MappedAddress()) return addressOf(6, parsed);
  }
  throw new AppError('INPUT_INVALID', `${quoted(text)} is no IP address.`, { value: text });
}

function addressOf(family: Family, parsed: ipaddr.IPv4 | ipaddr.IPv6): Address {
  const value = parsed.toByteArray().reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return { family, value };
}

/** As RFC 5952 writes it. */
export function formatAddress({ family, value }: Address): string {
  const bytes = Array.from({ length: BITS[family] / 8 }, (_, index) =>
    Number((value >> BigInt(BITS[family] - 8 * (index + 1))) & 0xffn),
  );
  return family === 4 ? bytes.join('.') : new ipaddr.IPv6(bytes).toRFC5952String();
}

/**
 * A prefix such as 10.99.0.0/24; an address alone is one of its whole length.
 * @throws {AppError} INPUT_INVALID, also where bits after the prefix are set: what was meant is not for us to guess.
 */
export function parsePrefix(text: string): Prefix {
  const [host = '', length, ...rest] = text.split('/');
  const { family, value } = parseAddress(host);
  if (length === undefined) return { family, base: value, length: BITS[family] };
  if (!LENGTH.test(length) || Number(length) > BITS[family] || rest.length > 0) {
    throw new AppError('INPUT_INVALID', `${quoted(text)} is no prefix; write 10.99.0.0/24.`, {
      value: text,
    });
  }
  const prefix = prefixOf({ family, value }, Number(length));
  if (prefix.base === value) return prefix;
  throw new AppError(
    'INPUT_INVALID',
    `${quoted(text)} is an address in a prefix; the prefix is ${formatPrefix(prefix)}.`,
    { value: text },
  );
}

export function formatPrefix({ family, base, length }: Prefix): string {
  return `${formatAddress({ family, value: base })}/${length}`;
}

/** The prefix of this length that an address is in. */
export function prefixOf({ family, value }: Address, length: number): Prefix {
  const rest = BigInt(BITS[family] - length);
  return { family, base: (value >> rest) << rest, length };
}

/** How many addresses it holds. */
export function sizeOf({ family, length }: Prefix): bigint {
  return 1n << BigInt(BITS[family] - length);
}

export function contains(outer: Prefix, inner: Prefix | Address): boolean {
  const length = 'length' in inner ? inner.length : BITS[inner.family];
  const value = 'base' in inner ? inner.base : inner.value;
  if (outer.family !== inner.family || outer.length > length) return false;
  return prefixOf({ family: inner.family, value }, outer.length).base === outer.base;
}

/** Two prefixes share addresses only where one lies in the other. */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return contains(a, b) || contains(b, a);
}

/** What a packet to this address follows: the longest prefix that it is in, as in every routing table; of equals the first. */
export function longestMatch<T extends { readonly prefix: Prefix }>(
  candidates: readonly T[],
  wanted: Prefix | Address,
): T | undefined {
  let best: T | undefined;
  for (const one of candidates) {
    if (!contains(one.prefix, wanted)) continue;
    if (!best || one.prefix.length > best.prefix.length) best = one;
  }
  return best;
}
