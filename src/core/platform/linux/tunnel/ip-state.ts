import { AppError } from '../../../types/errors/app-error.js';
import { type IpPrefix, longestMatch, parsePrefix } from '../../../utils/ip-prefix.js';

/** By this number routes are known to be ours (/etc/iproute2/rt_protos has nothing there). */
export const ROUTE_PROTOCOL = '183';

export interface LinkState {
  readonly isUp: boolean;
  readonly mtuBytes: number;
  readonly alias: string | undefined;
}

export interface RouteState {
  readonly prefix: IpPrefix;
  readonly device: string;
  readonly isOurs: boolean;
}

/** What `ip` says of a machine. */
export interface IpState {
  readonly links: ReadonlyMap<string, LinkState>;
  readonly addresses: readonly { readonly device: string; readonly address: IpPrefix }[];
  readonly routes: readonly RouteState[];
}

/** Reads `ip -j address show`: an address and a link may each be of a kind that we know nothing of, and are passed over. */
export function parseLinks(text: string): Pick<IpState, 'links' | 'addresses'> {
  const links = new Map<string, LinkState>();
  const addresses: { device: string; address: IpPrefix }[] = [];
  for (const link of records(text)) {
    const device = link['ifname'];
    if (typeof device !== 'string') continue;
    const flags = Array.isArray(link['flags']) ? link['flags'] : [];
    links.set(device, {
      isUp: flags.includes('UP'),
      mtuBytes: Number(link['mtu'] ?? 0),
      alias: typeof link['ifalias'] === 'string' ? link['ifalias'] : undefined,
    });
    for (const info of recordsOf(link['addr_info'])) {
      const local = typeof info['local'] === 'string' ? parsePrefix(info['local']) : undefined;
      if (local) addresses.push({ device, address: local });
    }
  }
  return { links, addresses };
}

/** Reads `ip -j route show table main`, of either family. */
export function parseRoutes(text: string, family: 4 | 6): readonly RouteState[] {
  return records(text).flatMap((route) => {
    const { dst, dev, protocol } = route;
    if (typeof dst !== 'string' || typeof dev !== 'string') return [];
    const prefix = parsePrefix(dst === 'default' ? (family === 4 ? '0.0.0.0/0' : '::/0') : dst);
    return prefix ? [{ prefix, device: dev, isOurs: protocol === ROUTE_PROTOCOL }] : [];
  });
}

/** Through which interface this machine reaches a prefix outside the tunnel, as its routes are; undefined where none leads there. */
export function deviceTowards(
  prefix: IpPrefix,
  routes: readonly RouteState[],
  tunnel: string,
): string | undefined {
  const outside = routes.filter(({ device }) => device !== tunnel);
  return longestMatch(outside, prefix)?.device;
}

function records(text: string): readonly Readonly<Record<string, unknown>>[] {
  if (text.trim() === '') return [];
  try {
    return recordsOf(JSON.parse(text));
  } catch {
    throw new AppError('TUNNEL_FAILED', 'What ip says cannot be read.');
  }
}

function recordsOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry: unknown) =>
    typeof entry === 'object' && entry !== null ? [Object.fromEntries(Object.entries(entry))] : [],
  );
}
