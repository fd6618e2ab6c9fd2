import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Where the system tells of itself; elsewhere in tests. */
export interface MachineRoots {
  readonly etc: string;
  readonly sys: string;
  readonly proc: string;
}

const ROOTS: MachineRoots = { etc: '/etc', sys: '/sys', proc: '/proc' };

/**
 * SHA-256 over what tells this machine from others, in hex: the id of the installation, and of the hardware what can be read of the
 * board's UUID, else the lowest address of a network card. A copied disk on another machine gives another hash, a renamed machine the same.
 * @param salt - of the grid, so that two grids cannot find out that they have a member in common.
 */
export function machineHash(salt: string, roots: MachineRoots = ROOTS): string {
  const installation =
    text(path.join(roots.etc, 'machine-id')) ?? text(path.join(roots.etc, 'hostid')) ?? '';
  const hardware =
    text(path.join(roots.sys, 'class/dmi/id/product_uuid')) ?? lowestCardAddress(roots) ?? '';
  const parts = ['syntropy machine 1', salt, installation, hardware.toLowerCase()];
  return createHash('sha256').update(parts.join('\n')).digest('hex');
}

/** Another one after each start of the machine. Where the system gives none, it is made of the time of the start, to the ten seconds. */
export function bootId(roots: MachineRoots = ROOTS): string {
  const own = text(path.join(roots.proc, 'sys/kernel/random/boot_id'));
  if (own !== undefined) return own.slice(0, 64);
  const startedAt = Math.round((Date.now() / 1000 - os.uptime()) / 10);
  return `started-${startedAt}`;
}

/** Of what is a device: a bridge or a tunnel has an address that it made up. */
function lowestCardAddress({ sys }: MachineRoots): string | undefined {
  const nets = path.join(sys, 'class/net');
  const addresses = entries(nets)
    .filter((name) => isDevice(path.join(nets, name)))
    .map((name) => text(path.join(nets, name, 'address')))
    .filter((address): address is string => address !== undefined && !/^[0:]*$/.test(address));
  return addresses.toSorted()[0];
}

function isDevice(directory: string): boolean {
  try {
    return !realpathSync(path.join(directory, 'device')).includes('/virtual/');
  } catch {
    return false;
  }
}

function entries(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Undefined for what is not there, is empty, or may not be read. */
function text(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
