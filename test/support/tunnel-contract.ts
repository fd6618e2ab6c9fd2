import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { TunnelConfig, TunnelDriver } from '../../src/core/services/network/tunnel.ports.js';

import { newTunnelKeys } from '../../src/core/platform/common/wireguard/keys.js';

/** A machine, and the tunnel that the contract is about. */
export interface TunnelWorld extends AsyncDisposable {
  /** A driver for it; another one each time, as a process has it that was started anew. */
  open(): TunnelDriver;
  /** A driver of another owner for an interface of the same name. */
  stranger(): TunnelDriver;
  /** What this machine has from elsewhere. */
  readonly taken: { readonly address: string; readonly route: string; readonly port: number };
}

const KEYS = newTunnelKeys();
const [FIRST, SECOND] = [newTunnelKeys().publicKey, newTunnelKeys().publicKey].toSorted();

/** What is true of every tunnel, whatever makes it. */
export function tunnelContract(name: string, make: () => Promise<TunnelWorld>): void {
  describe(`${name} as a tunnel`, () => {
    let world: TunnelWorld;
    beforeAll(async () => {
      world = await make();
    });
    afterAll(async () => {
      await world[Symbol.asyncDispose]();
    });
    it('can be had here, and is not there before it is made', async () => {
      const driver = world.open();
      await expect(driver.probe()).resolves.toEqual({ canMesh: true, hasIpv6: true });
      await expect(driver.stats()).resolves.toBeUndefined();
      await driver.rebind();
      await driver.remove();
      await expect(driver.stats()).resolves.toBeUndefined();
    });

    it('has the peers that it is given, and no others', async () => {
      const driver = world.open();
      await apply(driver, { peers: [peer(FIRST, '10.77.0.2/32'), peer(SECOND, '10.77.0.3/32')] });
      const nothing = { lastHandshakeAt: undefined, rxBytes: 0, endpoint: undefined };
      await expect(driver.stats()).resolves.toMatchObject([
        { publicKey: FIRST, ...nothing },
        { publicKey: SECOND, ...nothing },
      ]);
      await apply(driver, { peers: [peer(SECOND, '10.77.0.2/32')] });
      await expect(driver.stats()).resolves.toMatchObject([{ publicKey: SECOND }]);
      await driver.remove();
      await expect(driver.stats()).resolves.toBeUndefined();
    });

    it('speaks to a peer where it is told, and elsewhere when it is told so', async () => {
      const driver = world.open();
      for (const host of ['192.0.2.77', '192.0.2.78', '2001:db8::1']) {
        const endpoint = { host, port: 51_820 };
        await apply(driver, { peers: [{ ...peer(FIRST, '10.77.0.2/32'), endpoint }] });
        await driver.rebind();
        await expect(driver.stats()).resolves.toMatchObject([{ endpoint }]);
      }
      await driver.remove();
    });

    it('is found again by the next process, and left to it', async () => {
      const peers = [peer(FIRST, '10.77.0.2/32')];
      await apply(world.open(), { peers });
      const next = world.open();
      await expect(next.stats()).resolves.toMatchObject([{ publicKey: FIRST }]);
      await apply(next, { peers: [...peers, peer(SECOND, '10.77.0.3/32')] });
      await expect(world.open().stats()).resolves.toHaveLength(2);
      await world.open().remove();
      await expect(next.stats()).resolves.toBeUndefined();
    });

    it('of another owner is refused and left alone', async () => {
      const driver = world.open();
      await apply(driver, { peers: [peer(FIRST, '10.77.0.2/32')] });
      const stranger = world.stranger();
      await expect(apply(stranger)).rejects.toMatchObject({ code: 'INTERFACE_TAKEN' });
      await stranger.remove();
      await expect(stranger.stats()).resolves.toBeUndefined();
      await expect(driver.stats()).resolves.toMatchObject([{ publicKey: FIRST }]);
      await driver.remove();
    });

    it.each([
      ['an address', () => ({ addresses: [world.taken.address] })],
      ['a route', () => ({ routes: [world.taken.route] })],
      ['a port', () => ({ listenPort: world.taken.port })],
    ])('leaves nothing where %s is somebody else’s', async (_, changes) => {
      const driver = world.open();
      await expect(apply(driver, changes())).rejects.toMatchObject({ code: 'TUNNEL_CONFLICT' });
      await expect(driver.stats()).resolves.toBeUndefined();
    });

    it('is as it was where it would be wrong', async () => {
      const driver = world.open();
      await apply(driver, { peers: [peer(FIRST, '10.77.0.2/32')] });
      await expect(apply(driver, { listenPort: 0, peers: [] })).rejects.toMatchObject({
        code: 'INPUT_INVALID',
        details: { field: 'listenPort' },
      });
      await expect(driver.stats()).resolves.toMatchObject([{ publicKey: FIRST }]);
      await driver.remove();
    });

    it('is not begun for somebody who has given up', async () => {
      const driver = world.open();
      await expect(driver.apply(config(), AbortSignal.abort())).rejects.toThrow(/aborted/);
      await expect(driver.stats()).resolves.toBeUndefined();
    });

    it('does what it is told in the order in which it is told', async () => {
      const driver = world.open();
      const first = apply(driver, { peers: [peer(FIRST, '10.77.0.2/32')] });
      const second = apply(driver, { peers: [peer(SECOND, '10.77.0.2/32')] });
      const stats = driver.stats();
      const gone = driver.remove();
      await Promise.all([first, second, gone]);
      await expect(stats).resolves.toMatchObject([{ publicKey: SECOND }]);
      await expect(driver.stats()).resolves.toBeUndefined();
    });
  });
}

const apply = (driver: TunnelDriver, changes: Partial<TunnelConfig> = {}) =>
  driver.apply(config(changes), new AbortController().signal);

function config(changes: Partial<TunnelConfig> = {}): TunnelConfig {
  return {
    privateKey: KEYS.privateKey,
    listenPort: 51_820,
    addresses: ['10.77.0.1', 'fd77::1'],
    mtuBytes: 1_420,
    peers: [],
    routes: ['10.77.0.0/24', 'fd77::/64'],
    firewall: {
      sets: { friends: ['10.77.0.2', 'fd77::2'] },
      rules: [{ from: 'friends', services: [{ protocol: 'icmp' }] }],
    },
    gateway: [],
    ...changes,
  };
}

function peer(publicKey: string | undefined, ...allowedIps: readonly string[]) {
  return { publicKey: publicKey ?? '', allowedIps, keepaliveSeconds: 0 };
}
