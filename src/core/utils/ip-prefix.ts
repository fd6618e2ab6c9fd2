import ipaddr from 'ipaddr.js';

/** A prefix of IP addresses; a single address is one of full length. */
export interface IpPrefix {
  readonly family: 4 | 6;
  /** The first address, as a number. */
  readonly value: bigint;
  readonly length: number;
  /** Canonical (RFC 5952), without the length. */
  readonly address: string;
  /** Canonical, with the length. */
  readonly text: string;
}

const BITS = { 4: 32, 6: 128 } as const;

/** One address in full: no zone, no short or octal form. */
export function parseAddress(text: string): IpPrefix | undefined {
  const parsed = parse(text);
  return parsed && of(parsed, BITS[familyOf(parsed)]);
}

/** An address and a length, or an address alone. Undefined also where an address within the prefix was meant for its first. */
export function parsePrefix(text: string): IpPrefix | undefined {
  const [address = '', digits, ...rest] = text.split('/');
  if (digits === undefined) return parseAddress(address);
  const parsed = parse(address);
  if (!parsed || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined;
  const bits = BITS[familyOf(parsed)];
  const length = Number(digits);
  if (length > bits) return undefined;
  const prefix = of(parsed, length);
  const hostBits = BigInt(bits - length);
  return (prefix.value >> hostBits) << hostBits === prefix.value ? prefix : undefined;
}

/** Whether each address of the one is in the other. */
export function covers(outer: IpPrefix, inner: IpPrefix): boolean {
  if (outer.family !== inner.family || outer.length > inner.length) return false;
  const hostBits = BigInt(BITS[outer.family] - outer.length);
  return outer.value >> hostBits === inner.value >> hostBits;
}

function parse(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  if (text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined;
  return ipaddr.IPv6.parse(text);
}

function of(parsed: ipaddr.IPv4 | ipaddr.IPv6, length: number): IpPrefix {
  const value = parsed.toByteArray().reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const address = parsed.toString();
  return { family: familyOf(parsed), value, length, address, text: `${address}/${length}` };
}

function familyOf(parsed: ipaddr.IPv4 | ipaddr.IPv6): 4 | 6 {
  return parsed.kind() === 'ipv4' ? 4 : 6;
}
