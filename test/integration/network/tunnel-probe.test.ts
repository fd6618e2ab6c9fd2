import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import {
  WireguardGoDriver,
  type WireguardGoOptions,
} from '../../../src/core/platform/linux/tunnel/wireguard-go-driver.js';
import { scratchFolder } from '../../support/scratch.js';

const PROGRAMS = ['wireguard-go', 'nft', 'ip', 'sysctl'];
const ALL = '000001ffffffffff';
const WITHOUT_NET_ADMIN = '000001ffffffefff';

/** A machine of files: programs that do nothing but succeed, a device, and what the kernel says this process may do. */
async function machine({
  programs = PROGRAMS,
  capabilities = ALL,
  tables = 0,
  tun = true,
}: {
  programs?: readonly string[];
  capabilities?: string;
  tables?: number;
  tun?: boolean;
} = {}) {
  const folder = await scratchFolder();
  const folders = [folder.file('sbin')];
  const proc = folder.file('proc');
  await mkdir(path.join(proc, 'self'), { recursive: true });
  await mkdir(folders[0] ?? '');
  await writeFile(path.join(proc, 'self/status'), `Name:\tnode\nCapEff:\t${capabilities}\n`);
  if (tun) await writeFile(folder.file('tun'), '');
  for (const name of programs) {
    const file = path.join(folders[0] ?? '', name);
    await writeFile(file, `#!/bin/sh\nexit ${name === 'nft' ? tables : 0}\n`);
    await chmod(file, 0o755);
  }
  const options: WireguardGoOptions = {
    name: 'mesh0',
    owner: 'node-1',
    folders,
    proc,
    tun: folder.file('tun'),
    sockets: folder.path,
    systemd: folder.file('no-systemd'),
  };
  return {
    driver: new WireguardGoDriver(options),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

describe('whether a machine can be in a mesh', () => {
  it('is yes where all is there but IPv6', async () => {
    await using world = await machine();
    await expect(world.driver.probe()).resolves.toEqual({ canMesh: true, hasIpv6: false });
  });

  it.each([
    [
      'programs',
      { programs: ['ip', 'sysctl'] },
      'TUNNEL_UNSUPPORTED',
      /wireguard-go, nft: apt-get install wireguard-go nftables/,
    ],
    ['a device', { tun: false }, 'TUNNEL_UNSUPPORTED', /modprobe tun/],
    ['nftables in the kernel', { tables: 1 }, 'TUNNEL_UNSUPPORTED', /CONFIG_NF_TABLES/],
    ['privileges', { capabilities: WITHOUT_NET_ADMIN }, 'TUNNEL_DENIED', /run it as root/],
  ] as const)('says what to do about %s that are not there', async (_, lack, code, reason) => {
    await using world = await machine(lack);
    const probe = await world.driver.probe();
    expect(probe).toMatchObject({ canMesh: false, code });
    expect('reasons' in probe ? probe.reasons.join(' ') : '').toMatch(reason);
    await expect(world.driver.remove()).rejects.toMatchObject({ code });
  });

  it.each(['', 'UPPER', 'a-b', '0a', 'a'.repeat(16), 'a b', 'a/b', '..'])(
    'is no question for an interface named %j',
    async (name) => {
      expect(() => new WireguardGoDriver({ name, owner: 'node-1' })).toThrow(
        expect.objectContaining({ code: 'INPUT_INVALID' }),
      );
    },
  );
});
