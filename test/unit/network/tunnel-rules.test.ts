import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { TunnelConfig } from '../../../src/core/services/network/tunnel.ports.js';

import { newTunnelKeys, publicKeyOf } from '../../../src/core/platform/common/wireguard/keys.js';
import { checkedTunnel, withoutCovered } from '../../../src/core/services/network/tunnel-rules.js';
import { contains, parsePrefix } from '../../../src/core/utils/ip-prefix.js';

const KEY = newTunnelKeys().publicKey;
const peer = { publicKey: KEY, allowedIps: ['10.77.0.2/32'], keepaliveSeconds: 0 };
const base: TunnelConfig = {
  privateKey: newTunnelKeys().privateKey,
  listenPort: 51_820,
  addresses: ['10.77.0.1'],
  mtuBytes: 1_420,
  peers: [peer],
  routes: ['10.77.0.0/16'],
  firewall: { sets: { all: ['10.77.0.0/16', '10.77.3.0/24', 'FD77::0/64'] }, rules: [] },
  gateway: [],
};
const rule = (more: object) => ({
  firewall: { ...base.firewall, rules: [{ from: 'all', services: [], ...more }] },
});
const service = (more: object) => rule({ services: [{ protocol: 'tcp', ...more }] });

describe('the configuration of a tunnel', () => {
  it('is taken in its canonical form, with each address once in a set', () => {
    const { sets, routes } = checkedTunnel(base);
    expect(sets.get('all')?.map(({ text }) => text)).toEqual(['10.77.0.0/16', 'fd77::/64']);
    expect(routes.map(({ text }) => text)).toEqual(['10.77.0.0/16']);
  });

  it.each<[string, Partial<TunnelConfig> | object, string]>([
    ['a key that is none', { privateKey: 'secret' }, 'privateKey'],
    ['a key with bits too many', { privateKey: `${'A'.repeat(42)}B=` }, 'privateKey'],
    ['port 0', { listenPort: 0 }, 'listenPort'],
    ['a port beyond', { listenPort: 65_536 }, 'listenPort'],
    ['too small a size for IPv6', { mtuBytes: 1_279 }, 'mtuBytes'],
    ['no address', { addresses: [] }, 'addresses'],
    ['a network for an address', { addresses: ['10.77.0.0/16'] }, 'addresses'],
    ['an address twice', { addresses: ['fd77::1', 'fd77:0::1'] }, 'addresses'],
    ['a peer twice', { peers: [peer, { ...peer, allowedIps: [] }] }, 'peers.publicKey'],
    [
      'a name for an endpoint',
      { peers: [{ ...peer, endpoint: { host: 'a.example', port: 1 } }] },
      'peers.endpoint.host',
    ],
    [
      'a prefix at two peers',
      { peers: [peer, { ...peer, publicKey: newTunnelKeys().publicKey }] },
      'peers.allowedIps',
    ],
    ['words in a prefix', { routes: ['10.77.0.0/16 dev eth0'] }, 'routes'],
    ['a line in a prefix', { routes: ['10.77.0.0/16\nlink del eth0'] }, 'routes'],
    ['an address within a prefix', { routes: ['10.77.0.1/16'] }, 'routes'],
    ['everything', { routes: ['0.0.0.0/0'] }, 'routes'],
    [
      'the way to a peer through itself',
      { peers: [{ ...peer, endpoint: { host: '10.77.9.9', port: 1 } }] },
      'routes',
    ],
    ['an octal address', { routes: ['010.77.0.0/16'] }, 'routes'],
    ['a network of IPv6 behind a router', { gateway: ['fd99::/64'] }, 'gateway'],
    ['a rule of a set that is not there', rule({ from: 'nobody' }), 'firewall.rules.from'],
    ['a rule to a set that is not there', rule({ to: 'nobody' }), 'firewall.rules.to'],
    ['a protocol that is none', service({ protocol: 'tcp accept' }), 'firewall.rules.services'],
    [
      'ports of icmp',
      service({ protocol: 'icmp', ports: { first: 1, last: 1 } }),
      'firewall.rules.services',
    ],
    [
      'ports in the wrong order',
      service({ ports: { first: 9, last: 8 } }),
      'firewall.rules.services.ports',
    ],
  ])('is refused with %s', (_, changes, field) => {
    expect(() => checkedTunnel({ ...base, ...changes })).toThrow(
      expect.objectContaining({ code: 'INPUT_INVALID', details: { field } }),
    );
  });
});

describe('prefixes of a set', () => {
  it('hold without the covered ones the same addresses, and none lies in another', () => {
    const prefix = fc
      .tuple(fc.nat(255), fc.nat(3), fc.integer({ min: 14, max: 32 }))
      .map(([low, high, length]) => {
        const value = ((10 << 24) | (high << 16) | low) >>> 0;
        const first = length === 32 ? value : (value >>> (32 - length)) << (32 - length);
        const bytes = [24, 16, 8, 0].map((shift) => (first >>> shift) & 255);
        return parsePrefix(`${bytes.join('.')}/${length}`);
      })
      .filter((parsed) => parsed !== undefined);
    fc.assert(
      fc.property(fc.array(prefix), (list) => {
        const kept = withoutCovered(list);
        for (const one of list)
          expect(kept.filter((other) => contains(other, one))).toHaveLength(1);
        for (const one of kept) expect(list).toContainEqual(one);
      }),
    );
  });
});

describe('keys of a tunnel', () => {
  it('are what `wg genkey` and `wg pubkey` make', () => {
    expect(publicKeyOf('aA9RN6LR6xpfD/VKUUXJosQtq7Lhct8XjtHu+gTMgWo=')).toBe(
      'a7zfEbI6hCtt0CMJkKCXez4tGTIGgap6w2GOachf2U8=',
    );
    const { privateKey, publicKey } = newTunnelKeys();
    expect(publicKeyOf(privateKey)).toBe(publicKey);
  });
});
