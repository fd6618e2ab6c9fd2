import type { MeshAddresses } from '../../types/models/network.js';

import { AppError } from '../../types/errors/app-error.js';
import { contains, type IpPrefix, prefixOf, requirePrefix, sizeOf } from '../../utils/ip-prefix.js';
import { quoted } from '../../utils/quoted.js';

/**
 * Where nothing else is configured. Not of 100.64.0.0/10: that is Tailscale's, and of providers that put their customers behind one address, so a
 * machine may well have it already. Of 10.0.0.0/8, homes and offices have the first and last few sixteenths; 77 is seldom one of them, and who
 * has it configures another.
 */
export const DEFAULT_V4_PREFIX = '10.77.0.0/16';

/** RFC 1918: what is nobody's on the Internet, and so hides nobody. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'].map(
  requirePrefix,
);
/** RFC 4193. */
const UNIQUE_LOCAL = requirePrefix('fd00::/8');
const GLOBAL_ID_BYTES = 5;
/** No grid has a use for more, and everything that counts them stays a whole number. */
const MAX_HOSTS = 2 ** 24;
/** The address of the network, and that of everybody in it. */
const UNUSABLE = 2;

/** Which addresses a grid gives: the node with number n has the n-th of each prefix, so that one number is all there is to remember. */
export interface AddressPlan {
  readonly v4: IpPrefix;
  readonly v6: IpPrefix;
  /** Numbers go from 1 to this. */
  readonly hosts: number;
}

/**
 * @param v6 - of fd00::/8; `uniqueLocalPrefix` makes one.
 * @throws {AppError} INPUT_INVALID: no prefix, a public one, or one with no room.
 */
export function addressPlan(v4: string, v6: string): AddressPlan {
  const [four, six] = [requirePrefix(v4), requirePrefix(v6)];
  if (four.family !== 4 || !PRIVATE.some((range) => contains(range, four))) {
    throw refusal(v4, `is not in ${PRIVATE.map(({ text }) => text).join(', ')}`);
  }
  if (six.family !== 6 || !contains(UNIQUE_LOCAL, six)) {
    throw refusal(v6, `is not in ${UNIQUE_LOCAL.text}`);
  }
  const hosts = [sizeOf(four), sizeOf(six), BigInt(MAX_HOSTS + UNUSABLE)].reduce((a, b) =>
    a < b ? a : b,
  );
  if (hosts <= UNUSABLE) throw refusal(hosts === sizeOf(four) ? v4 : v6, 'has no room for a node');
  return { v4: four, v6: six, hosts: Number(hosts) - UNUSABLE };
}

function refusal(prefix: string, why: string): Error {
  return new AppError('INPUT_INVALID', `${quoted(prefix)} ${why}.`, { value: prefix });
}

/** A /48 of a grid's own (RFC 4193 §3.2): with 40 random bits, two grids that meet one day have not chosen the same. */
export function uniqueLocalPrefix(random: Uint8Array): string {
  if (random.length !== GLOBAL_ID_BYTES) {
    throw new TypeError(`A global id has ${GLOBAL_ID_BYTES} bytes.`);
  }
  const id = random.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0xfdn);
  return prefixOf(6, id << 80n, 48).text;
}

/**
 * The number for the next node: the first that is free after the one that was given last, and from the beginning again after the end. So an
 * address comes back as late as it can, when nobody has it in a cache or a rule any more.
 * @param remembered - numbers that are in use, or were and are not forgotten.
 * @throws {AppError} ADDRESSES_EXHAUSTED.
 */
export function nextHost(
  plan: AddressPlan,
  remembered: ReadonlySet<number>,
  lastGiven: number,
): number {
  const start = lastGiven >= 1 && lastGiven <= plan.hosts ? lastGiven : 0;
  for (let step = 0; step < plan.hosts; step += 1) {
    const host = ((start + step) % plan.hosts) + 1;
    if (!remembered.has(host)) return host;
  }
  throw new AppError(
    'ADDRESSES_EXHAUSTED',
    `All ${plan.hosts} addresses of ${plan.v4.text} are taken or remembered.`,
    { prefix: plan.v4.text, hosts: plan.hosts },
  );
}

/** @throws {AppError} ADDRESSES_EXHAUSTED, where the plan has no such number: it was made smaller. */
export function addressesOf(plan: AddressPlan, host: number): MeshAddresses {
  if (!Number.isSafeInteger(host) || host < 1 || host > plan.hosts) {
    throw new AppError('ADDRESSES_EXHAUSTED', `${plan.v4.text} has no number ${host}.`, {
      prefix: plan.v4.text,
      hosts: plan.hosts,
    });
  }
  return {
    v4: prefixOf(4, plan.v4.value + BigInt(host), 32).address,
    v6: prefixOf(6, plan.v6.value + BigInt(host), 128).address,
  };
}
