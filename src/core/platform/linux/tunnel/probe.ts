import { open, readFile } from 'node:fs/promises';
import path from 'node:path';

import type { TunnelProbe } from '../../../services/network/tunnel.ports.js';
import type { Programs } from './programs.js';

import { errorCode } from '../../../types/errors/error-code.js';

/** capability(7): the bit of CAP_NET_ADMIN. */
const NET_ADMIN = 12n;
const PACKAGES = {
  'wireguard-go': 'wireguard-go',
  nft: 'nftables',
  ip: 'iproute2',
  sysctl: 'procps',
} as const;

/** Where the kernel is asked. */
export interface ProbePlaces {
  readonly proc: string;
  readonly tun: string;
}

/** Whether this machine, and this process on it, can have a tunnel. */
export async function probeTunnel(programs: Programs, places: ProbePlaces): Promise<TunnelProbe> {
  const absent = await missingPrograms(programs);
  const tun = await refusalOf(places.tun);
  const unsupported = [
    ...(absent.length > 0
      ? [
          `There is no ${absent.join(', ')}: apt-get install ${absent.map((name) => PACKAGES[name]).join(' ')}.`,
        ]
      : []),
    ...(tun === 'absent' ? [`There is no ${places.tun}: modprobe tun.`] : []),
  ];
  const denied = [
    ...((await mayChangeNetworks(places.proc))
      ? []
      : ['The agent may not change networks (CAP_NET_ADMIN): run it as root.']),
    ...(tun === 'denied'
      ? [
          `The agent may not open ${places.tun}: run it as root; in a container, give it the device.`,
        ]
      : []),
  ];
  if (unsupported.length === 0 && denied.length === 0) {
    const hasTables = await programs.run('nft', ['list', 'tables']).then(
      () => true,
      () => false,
    );
    if (hasTables) return { canMesh: true, hasIpv6: await hasIpv6(programs) };
    unsupported.push('The kernel has no nftables (CONFIG_NF_TABLES).');
  }
  return {
    canMesh: false,
    code: unsupported.length > 0 ? 'TUNNEL_UNSUPPORTED' : 'TUNNEL_DENIED',
    reasons: [...unsupported, ...denied],
  };
}

async function missingPrograms(programs: Programs): Promise<readonly (keyof typeof PACKAGES)[]> {
  const names = ['wireguard-go', 'nft', 'ip', 'sysctl'] as const;
  const found = await Promise.all(names.map((name) => programs.find(name)));
  return names.filter((_, at) => found[at] === undefined);
}

/** What a new interface begins with; absent where the kernel was started without. */
async function hasIpv6(programs: Programs): Promise<boolean> {
  const key = 'net/ipv6/conf/default/disable_ipv6';
  return programs.run('sysctl', ['-n', key]).then(
    (text) => text.trim() === '0',
    () => false,
  );
}

/** Only opening tells: the file is there also where the kernel has no such device. */
async function refusalOf(tun: string): Promise<'absent' | 'denied' | undefined> {
  try {
    await (await open(tun, 'r+')).close();
    return undefined;
  } catch (error) {
    return ['EACCES', 'EPERM'].includes(errorCode(error) ?? '') ? 'denied' : 'absent';
  }
}

async function mayChangeNetworks(proc: string): Promise<boolean> {
  const status = await readFile(path.join(proc, 'self/status'), 'utf8').catch(() => '');
  const mask = /^CapEff:\s*([0-9a-f]{1,16})$/m.exec(status)?.[1];
  return mask !== undefined && ((BigInt(`0x${mask}`) >> NET_ADMIN) & 1n) === 1n;
}
