import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import type { TunnelConfig } from '../../../src/core/services/network/tunnel.ports.js';

import { WireguardGoDriver } from '../../../src/core/platform/linux/tunnel/wireguard-go-driver.js';
import { LAN, type LabNode, MESH, meshLab, OPEN_ROUTER } from '../../support/mesh-lab.js';
import { missing } from '../../support/requirements.js';
import { scratchFolder } from '../../support/scratch.js';
import { tunnelAgent } from '../../support/tunnel-agent.js';
import { waitFor } from '../../support/wait-for.js';

const ROUTER = { firewall: OPEN_ROUTER, gateway: [LAN.prefix] };
const ROUTES = [MESH.v4, MESH.v6, LAN.prefix];
const SOME_PINGS = 200;

const answers = async (from: LabNode, ...words: readonly string[]) =>
  (await from.run('ping', '-n', '-c', '1', '-W', '1', ...words)).includes('1 received');

/** Who decrements the life of a packet to the LAN, and whom the host there sees. */
async function wayToLan(from: LabNode) {
  const said = await from.run('ping', '-n', '-c', '1', '-W', '1', '-t', '1', LAN.host);
  const hop = /^From ([\d.]+) .*exceeded/m.exec(said)?.[1];
  return { hop, seenAs: await from.connect(LAN.host, LAN.port) };
}

// Goal: what the driver says of a tunnel is true of the packets that go through it.
describe.skipIf(missing('netns', 'wireguard'))('a mesh of wireguard-go', () => {
  it('has four machines reach each other, also the one behind a NAT', async () => {
    await using lab = await meshLab();
    await lab.converge();
    const { a, b, c, d } = lab.nodes;
    await waitFor('the machine behind the NAT to have spoken', async () => {
      const stats = await d.driver.stats();
      return stats?.every(({ lastHandshakeAt }) => lastHandshakeAt !== undefined);
    });
    for (const from of [a, b, c, d]) {
      for (const to of [a, b, c, d]) {
        for (const address of [to.v4, to.v6]) {
          expect(await answers(from, address), `${from.namespace} to ${address}`).toBe(true);
        }
      }
    }
    const seen = (await a.driver.stats())?.find((peer) => peer.publicKey === d.keys.publicKey);
    expect(seen?.endpoint?.host).toBe('192.0.2.9');
    expect(seen?.rxBytes).toBeGreaterThan(0);
    expect(Date.now() - (seen?.lastHandshakeAt?.getTime() ?? 0)).toBeLessThan(60_000);
  });

  it('loses nothing when it is told again what it is, nor the place of a peer that has moved', async () => {
    await using lab = await meshLab();
    const routers = { b: ROUTER, c: ROUTER };
    await lab.converge(routers);
    const { a, b, d } = lab.nodes;
    const [ping, moved] = [await a.ping(b.v4), await d.ping(a.v4)];
    for (let times = 0; times < 10; times += 1) {
      await a.apply({ peers: lab.peersOf('a') });
      await b.apply({ peers: lab.peersOf('b'), ...ROUTER });
    }
    for (const { sent, lost } of [await ping.end(), await moved.end()]) {
      expect(sent).toBeGreaterThan(SOME_PINGS);
      expect(lost).toBe(0);
    }
    // What is told of it is only where it was once.
    const [first, ...others] = lab.peersOf('a').toReversed();
    const old = { host: '192.0.2.200', port: 1 };
    await a
      .newDriver()
      .apply(
        a.config({ peers: first ? [...others, { ...first, endpoint: old }] : [] }),
        new AbortController().signal,
      );
    expect(await answers(a, d.v4)).toBe(true);
  });

  it('moves packets with a prefix from one router to another, and back', async () => {
    await using lab = await meshLab();
    await lab.converge({ b: ROUTER, c: ROUTER });
    const { a, b, c } = lab.nodes;
    for (const [name, router, seenAs] of [
      ['b', b, '10.99.0.2'],
      ['c', c, '10.99.0.3'],
      ['b', b, '10.99.0.2'],
    ] as const) {
      await a.apply({ peers: lab.peersOf('a', name), routes: ROUTES });
      await expect(wayToLan(a)).resolves.toEqual({ hop: router.v4, seenAs });
    }
    await a.apply({ peers: lab.peersOf('a') });
    await expect(wayToLan(a)).resolves.toEqual({ hop: undefined, seenAs: undefined });
  });

  it('drops what no rule lets in, and lets in what one does, at once', async () => {
    await using lab = await meshLab();
    const firewall = (...web: readonly string[]): TunnelConfig['firewall'] => ({
      sets: { 'the "web" team; drop': web, sick: [lab.nodes.c.v4, lab.nodes.c.v6] },
      rules: [
        {
          from: 'the "web" team; drop',
          services: [{ protocol: 'tcp', ports: { first: 80, last: 80 } }],
        },
        { from: 'sick', services: [{ protocol: 'icmp' }] },
      ],
    });
    const { a, b, c } = lab.nodes;
    await lab.converge({ b: { firewall: firewall(a.v4, a.v6) } });
    await b.listen(80, 'eighty');
    await b.listen(81, 'eighty-one');
    const seen = async (from: LabNode) => ({
      web: [await from.connect(b.v4, 80), await from.connect(b.v6, 80)],
      other: await from.connect(b.v4, 81),
      ping: [await answers(from, b.v4), await answers(from, b.v6)],
    });
    const web = { web: ['eighty', 'eighty'], other: undefined, ping: [false, false] };
    const sick = { web: [undefined, undefined], other: undefined, ping: [true, true] };
    await expect(seen(a)).resolves.toEqual(web);
    await expect(seen(c)).resolves.toEqual(sick);
    // Answers to what b began itself are let in by no rule.
    expect(await answers(b, a.v4)).toBe(true);

    const all = firewall(a.v4, a.v6, c.v4, MESH.v6);
    await b.apply({ peers: lab.peersOf('b'), firewall: all });
    await expect(seen(c)).resolves.toEqual({ ...sick, web: web.web });
    await b.apply({ peers: lab.peersOf('b'), firewall: firewall(c.v4) });
    await expect(seen(a)).resolves.toEqual({ ...web, web: sick.web });

    // Whoever breaks the rules by hand has them for as long as nobody looks.
    await b.run('nft', 'flush', 'chain', 'inet', `syntropy_${b.device}`, 'input');
    expect(await b.connect(b.v4, 81)).toBe('eighty-one');
    expect(await a.connect(b.v4, 81)).toBe('eighty-one');
    await b.apply({ peers: lab.peersOf('b'), firewall: firewall(c.v4) });
    expect(await a.connect(b.v4, 81)).toBeUndefined();
  });

  it('lets nobody speak under the address of another, nor past the tunnel', async () => {
    await using lab = await meshLab();
    await lab.converge();
    const { a, b, c } = lab.nodes;
    expect(await answers(c, b.v4)).toBe(true);
    await c.run('ip', 'address', 'add', `${a.v4}/32`, 'dev', c.device);
    expect(await answers(c, '-I', a.v4, b.v4)).toBe(false);
    await c.run('ip', 'route', 'add', `${b.v4}/32`, 'via', b.outside ?? '');
    expect(await answers(c, b.v4)).toBe(false);
    expect(await answers(c, b.outside ?? '')).toBe(true);
  });

  it('goes on without the process that made it, and is taken over by the next one', async () => {
    await using lab = await meshLab();
    await lab.converge();
    const { a, b } = lab.nodes;
    const config = a.config({ peers: lab.peersOf('a') });
    await a.driver.remove();
    await using agent = await tunnelAgent(a, config);
    const holder = await processOf(a);
    const ping = await a.ping(b.v4);
    await agent.kill();
    await a.newDriver().apply(config, new AbortController().signal);
    await a.newDriver().apply(config, new AbortController().signal);
    const { sent, lost } = await ping.end();
    expect(sent).toBeGreaterThan(50);
    expect(lost).toBe(0);
    expect(await processOf(a)).toBe(holder);
  });

  it('is finished by the next process where the first one died over it', async () => {
    await using lab = await meshLab();
    await lab.converge();
    const { a, b } = lab.nodes;
    const config = a.config({ peers: lab.peersOf('a') });
    await a.driver.remove();
    const begun = tunnelAgent(a, config);
    await waitFor('the interface', async () => (await a.run('ip', 'link')).includes(a.device));
    await (await begun).kill();
    await a.newDriver().apply(config, new AbortController().signal);
    expect(await answers(a, b.v4)).toBe(true);
  });

  it('speaks from another address of the machine as soon as it is told', async () => {
    await using lab = await meshLab();
    await lab.converge();
    const { a, b } = lab.nodes;
    expect(await answers(a, b.v4)).toBe(true);
    await a.run('ip', 'address', 'del', '192.0.2.1/24', 'dev', 'eth0');
    await a.run('ip', 'address', 'add', '192.0.2.21/24', 'dev', 'eth0');
    await a.driver.rebind();
    expect(await answers(a, b.v4)).toBe(true);
    const seen = (await b.driver.stats())?.find((peer) => peer.publicKey === a.keys.publicKey);
    expect(seen?.endpoint?.host).toBe('192.0.2.21');
  });

  it('is had without IPv6 where that is turned off, and not half', async () => {
    await using lab = await meshLab();
    const { a, b } = lab.nodes;
    for (const node of [a, b]) {
      await node.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
    }
    await expect(a.driver.probe()).resolves.toEqual({ canMesh: true, hasIpv6: false });
    await expect(a.apply()).rejects.toMatchObject({ code: 'TUNNEL_UNSUPPORTED' });
    await expect(a.driver.stats()).resolves.toBeUndefined();
    for (const [name, node] of [
      ['a', a],
      ['b', b],
    ] as const) {
      const four = { addresses: [node.v4], routes: [MESH.v4] };
      await node.apply({ peers: lab.peersOf(name), ...four });
    }
    expect(await answers(a, b.v4)).toBe(true);
  });

  it('is no part of the service that made it, where systemd runs the machine', async () => {
    await using lab = await meshLab();
    await using folder = await scratchFolder();
    const { a } = lab.nodes;
    // In the place of systemd-run, since no systemd runs here: notes its words, and does as it does.
    const program = `#!/bin/sh\necho "$@" > ${folder.file('words')}\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"\n`;
    await writeFile(folder.file('systemd-run'), program, { mode: 0o755 });
    const { device: name, owner, within } = a;
    const folders = [folder.path, '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
    const driver = new WireguardGoDriver({ name, owner, within, folders, systemd: folder.path });
    await driver.apply(a.config(), new AbortController().signal);
    await expect(driver.stats()).resolves.toEqual([]);
    expect(await readFile(folder.file('words'), 'utf8')).toMatch(/^--scope --quiet --collect /);
  });

  it('is made anew where its process was killed', async () => {
    await using lab = await meshLab();
    await lab.converge();
    const { a, b } = lab.nodes;
    process.kill(Number(await processOf(a)), 'SIGKILL');
    await waitFor(
      'the interface to go',
      async () => !(await a.run('ip', 'link')).includes(a.device),
    );
    await expect(a.driver.stats()).resolves.toBeUndefined();
    await a.apply({ peers: lab.peersOf('a') });
    expect(await answers(a, b.v4)).toBe(true);
  });

  it('leaves nothing of itself, and all that is not its own', async () => {
    await using lab = await meshLab();
    const { b } = lab.nodes;
    const look = async () => ({
      links: (await b.run('ip', '-br', 'link')).split('\n').map((line) => line.split(' ')[0]),
      addresses: (await b.run('ip', '-br', '-4', 'address')).match(/[\d.]+\/\d+/g),
      routes: await b.run('ip', 'route'),
      newer: await b.run('ip', '-6', 'route', 'show', MESH.v6),
      tables: await b.run('nft', 'list', 'ruleset'),
      forwarding: await b.run('sysctl', 'net.ipv4.conf.lan.forwarding', 'net.ipv4.ip_forward'),
      process: await processOf(b),
      socket: await b.run('find', '/var/run/wireguard', '-name', `${b.device}.sock`),
    });
    await b.run('nft', 'add', 'table', 'inet', 'somebody');
    const before = await look();
    await b.apply({ peers: lab.peersOf('b'), ...ROUTER });
    const between = await look();
    expect(Object.keys(before).filter((what) => is(between, what) === is(before, what))).toEqual(
      [],
    );
    // Another process than the one that made it.
    await b.newDriver().remove();
    expect(await look()).toEqual(before);
    await b.newDriver().remove();
  });

  it('refuses a name that something else has, and leaves that alone', async () => {
    await using lab = await meshLab();
    const { a } = lab.nodes;
    await a.run('ip', 'link', 'add', a.device, 'type', 'bridge');
    const before = await a.run('ip', '-o', 'link', 'show', a.device);
    await expect(a.apply()).rejects.toMatchObject({ code: 'INTERFACE_TAKEN' });
    await a.driver.remove();
    expect(await a.run('ip', '-o', 'link', 'show', a.device)).toBe(before);
    await a.run('ip', 'link', 'del', a.device);

    // A socket of that name serves the whole machine, whatever namespace its interface is in.
    await lab.lan.run('wireguard-go', a.device);
    await expect(a.apply()).rejects.toMatchObject({ code: 'INTERFACE_TAKEN' });
    await a.driver.remove();
    expect(await lab.lan.run('ip', '-o', 'link', 'show', a.device)).toContain(a.device);
    await lab.lan.run('ip', 'link', 'del', a.device);
  });

  it('hands the network behind a router nothing but answers', async () => {
    await using lab = await meshLab();
    await lab.converge({ b: ROUTER });
    const { a, b } = lab.nodes;
    // What was opened is known to the next process too.
    await b
      .newDriver()
      .apply(b.config({ peers: lab.peersOf('b'), ...ROUTER }), new AbortController().signal);
    await a.apply({ peers: lab.peersOf('a', 'b'), routes: ROUTES });
    expect(await a.connect(LAN.host, LAN.port)).toBe('10.99.0.2');
    await a.listen(82, 'inside');
    await a.run('nft', 'add table ip witness');
    await a.run('nft', 'add chain ip witness in { type filter hook input priority 0; }');
    await a.run('nft', `add rule ip witness in iifname eth0 ip saddr ${LAN.host} counter`);
    await lab.lan.run('ip', 'route', 'add', 'default', 'via', '10.99.0.2');
    // Neither into the mesh, nor through the machine to where it is otherwise connected.
    expect(await lab.lan.connect(a.v4, 82)).toBeUndefined();
    expect(await lab.lan.connect(a.outside ?? '', 82)).toBeUndefined();
    expect(await a.run('nft', 'list', 'table', 'ip', 'witness')).toContain('packets 0 ');
    // Nor under an address of the mesh, where the machine hands on what is of the mesh.
    const transit = [...OPEN_ROUTER.rules, { from: 'everybody', to: 'everybody', services: [] }];
    const firewall = { ...OPEN_ROUTER, rules: transit };
    await b.apply({ peers: lab.peersOf('b'), ...ROUTER, firewall });
    await b.run('nft', 'add table ip witness');
    await b.run('nft', 'add chain ip witness out { type filter hook postrouting priority 0; }');
    await b.run('nft', `add rule ip witness out oifname ${b.device} ip saddr 10.77.0.200 counter`);
    await lab.lan.run('ip', 'address', 'add', '10.77.0.200/32', 'dev', 'switch');
    await lab.lan.run('ping', '-n', '-c', '1', '-W', '1', '-I', '10.77.0.200', a.v4);
    expect(await b.run('nft', 'list', 'table', 'ip', 'witness')).toContain('packets 0 ');
  });

  it('lets into a published port of a container who may speak to that port', async () => {
    await using lab = await meshLab();
    const firewall = {
      sets: { friends: [lab.nodes.a.v4] },
      rules: [
        {
          from: 'friends',
          services: [{ protocol: 'tcp' as const, ports: { first: 8080, last: 8080 } }],
        },
      ],
    };
    await lab.converge({ b: { firewall } });
    const { a, b, c } = lab.nodes;
    // As an engine does it: another destination behind the machine, which forwards.
    await b.run('sysctl', '-qw', 'net.ipv4.ip_forward=1');
    await b.run('nft', 'add table ip engine');
    await b.run('nft', 'add chain ip engine pre { type nat hook prerouting priority dstnat; }');
    const dnat = `dnat to ${LAN.host}:${LAN.port}`;
    await b.run('nft', `add rule ip engine pre tcp dport { 8080, 8081 } ${dnat}`);
    await b.run('nft', 'add chain ip engine post { type nat hook postrouting priority srcnat; }');
    await b.run('nft', 'add rule ip engine post oifname lan masquerade');
    expect(await a.connect(b.v4, 8080)).toBe('10.99.0.2');
    expect(await a.connect(b.v4, 8081)).toBeUndefined();
    expect(await c.connect(b.v4, 8080)).toBeUndefined();
  });
});

function is(look: Readonly<Record<string, unknown>>, what: string): string {
  return JSON.stringify(look[what]);
}

/** The pid of what holds the interface of a machine. */
async function processOf(node: LabNode): Promise<string> {
  return (await node.run('pgrep', '-x', '-f', `.*wireguard-go ${node.device}`)).trim();
}
