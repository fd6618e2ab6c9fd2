import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { hexOfKey, planPeers } from '../../../src/core/platform/common/wireguard/peer-plan.js';
import { type Device, parseDevice } from '../../../src/core/platform/common/wireguard/uapi-text.js';
import { parsePrefix } from '../../../src/core/utils/ip-prefix.js';

const KEYS = ['A', 'E', 'I', 'M', 'Q'].map((last) => `${'A'.repeat(42)}${last}=`);
const PREFIXES = Array.from({ length: 8 }, (_, n) => `10.0.${n}.0/24`);
const TUNNEL = { privateKey: `${'B'.repeat(42)}A=`, listenPort: 51_820 };
const NOW = 1_000_000;

/** Which peers there are, and which prefixes each has: none is at two. */
const allotment = fc
  .tuple(
    fc.subarray(KEYS),
    fc.array(fc.option(fc.nat(4)), { minLength: PREFIXES.length, maxLength: PREFIXES.length }),
  )
  .map(([keys, owners]) =>
    keys.map((publicKey, at) => ({
      publicKey,
      keepaliveSeconds: at * 5,
      allowedIps: PREFIXES.filter((_, n) => owners[n] === at),
    })),
  );
type Allotment = readonly {
  readonly publicKey: string;
  readonly keepaliveSeconds: number;
  readonly allowedIps: readonly string[];
  readonly endpoint?: { readonly host: string; readonly port: number };
}[];

const checked = (peers: Allotment) =>
  peers.map((peer) => ({
    ...peer,
    allowedIps: peer.allowedIps.flatMap((text) => parsePrefix(text) ?? []),
  }));

const plan = (device: Device, peers: Allotment, told: Record<string, string> = {}) =>
  planPeers(
    device,
    { ...TUNNEL, peers: checked(peers) },
    { told: new Map(Object.entries(told)), nowSeconds: NOW },
  );

/** A device does a call line by line, and takes a prefix from whoever has it. `seen` is told how things are after each line. */
class FakeDevice {
  #head: string[] = [];
  readonly #peers = new Map<string, Map<string, string>>();
  readonly #owners = new Map<string, string>();

  set(lines: readonly string[], seen: () => void = () => undefined): void {
    let peer = '';
    for (const line of lines) {
      const [key = '', value = ''] = line.split(/=(.*)/s);
      if (key === 'private_key' || key === 'listen_port') {
        this.#head = [...this.#head.filter((other) => !other.startsWith(key)), line];
      } else if (key === 'public_key') {
        peer = value;
        if (!this.#peers.has(peer)) this.#peers.set(peer, new Map());
      } else if (key === 'remove') {
        this.#peers.delete(peer);
        for (const [prefix, owner] of this.#owners) if (owner === peer) this.#owners.delete(prefix);
      } else if (key === 'allowed_ip') this.#owners.set(value, peer);
      else if (key !== 'update_only') this.#peers.get(peer)?.set(key, value);
      seen();
    }
  }

  /** Where a prefix goes. */
  has(prefix: string): boolean {
    return this.#owners.has(prefix);
  }

  get(): Device {
    const peers = [...this.#peers].flatMap(([key, fields]) => [
      `public_key=${key}`,
      ...[...fields].map(([field, value]) => `${field}=${value}`),
      ...[...this.#owners]
        .filter(([, owner]) => owner === key)
        .map(([prefix]) => `allowed_ip=${prefix}`),
    ]);
    return parseDevice(`${[...this.#head, ...peers, 'errno=0'].join('\n')}\n\n`);
  }
}

const byKey = (a: { key: string }, b: { key: string }) => (a.key < b.key ? -1 : 1);

const holdings = (device: Device) =>
  [...device.peers.values()].map((peer) => ({
    key: peer.key,
    keepaliveSeconds: peer.keepaliveSeconds,
    allowedIps: [...peer.allowedIps].toSorted(),
  }));

describe('the plan of a device’s peers', () => {
  it('makes them as they should be, and no prefix is without a peer on the way', () => {
    fc.assert(
      fc.property(allotment, allotment, (before, after) => {
        const device = new FakeDevice();
        device.set(plan(device.get(), before));
        const stays = PREFIXES.filter((prefix) =>
          [before, after].every((peers) =>
            peers.some(({ allowedIps }) => allowedIps.includes(prefix)),
          ),
        );
        device.set(plan(device.get(), after), () => {
          expect(stays.filter((prefix) => !device.has(prefix))).toEqual([]);
        });
        const wanted = after.map(({ publicKey, keepaliveSeconds, allowedIps }) => ({
          key: hexOfKey(publicKey),
          keepaliveSeconds,
          allowedIps,
        }));
        expect(holdings(device.get()).toSorted(byKey)).toEqual(wanted.toSorted(byKey));
        expect(plan(device.get(), after)).toEqual([]);
      }),
    );
  });

  const [key = ''] = KEYS;
  const hex = hexOfKey(key);
  const told = { host: '192.0.2.1', port: 1 };
  const peer = { publicKey: key, keepaliveSeconds: 0, allowedIps: [] };
  const moved = (handshake: number) =>
    parseDevice(
      `private_key=${hexOfKey(TUNNEL.privateKey).replace(/00$/, '40')}\nlisten_port=51820\npublic_key=${hex}\nendpoint=192.0.2.99:9\nlast_handshake_time_sec=${handshake}\nerrno=0\n\n`,
    );
  const lines = (handshake: number, before?: string) =>
    plan(moved(handshake), [{ ...peer, endpoint: told }], before ? { [hex]: before } : {}).filter(
      (line) => line.startsWith('endpoint='),
    );

  it.each([
    ['leaves a peer that is in touch where it has moved to', NOW - 100, undefined, []],
    ['and so where it was told the same before', NOW - 100, '192.0.2.1:1', []],
    ['sends one that is to be elsewhere now there', NOW - 100, '192.0.2.7:1', ['192.0.2.1:1']],
    ['begins anew with one that is not in touch', NOW - 200, '192.0.2.1:1', ['192.0.2.1:1']],
  ] as const)('%s', (_, handshake, before, endpoints) => {
    expect(lines(handshake, before)).toEqual(endpoints.map((at) => `endpoint=${at}`));
  });
});
