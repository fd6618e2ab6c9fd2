import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';

import { gridHint, SERVICE_TYPE } from '../../../src/contract/discovery.js';
import { openMdns } from '../../../src/core/platform/common/mdns.js';
import { announce, announcedOn, isForOthers } from '../../../src/daemon/agents/announcement.js';
import { waitFor } from '../../support/wait-for.js';

const CA = '0123456789abcdef'.repeat(4);
const DAEMON_ID = '018f6e2a-0000-7000-8000-000000000001';
const HERE = '127.0.0.1';

async function freeUdpPort() {
  const socket = createSocket('udp4').bind(0, HERE);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

/** A daemon that announces itself on a network of this host alone. */
function announced(mdnsPort: number) {
  const lines: string[] = [];
  const log = pino(
    new Writable({
      write(chunk, _, done) {
        lines.push(String(chunk));
        done();
      },
    }),
  );
  const announcement = announce({
    listening: { address: '0.0.0.0', port: 8080 },
    caSha256: CA,
    daemonId: DAEMON_ID,
    log,
    networks: () => [HERE],
    mdnsPort,
  });
  return { lines, announcement, [Symbol.asyncDispose]: () => announcement.close() };
}

/** Somebody on the same network, with all that they hear. */
async function neighbour(port: number) {
  const mdns = await openMdns({ addresses: [HERE], port, onTrouble: () => undefined });
  const heard: string[] = [];
  mdns.onAnswer((packet) => heard.push(JSON.stringify(packet)));
  return { mdns, heard, [Symbol.asyncDispose]: () => mdns.close() };
}

// Goal: a daemon can be found by whoever is on its network, tells nothing that is worth anything, and never falls over it.
describe('the announcement of a daemon', () => {
  it('says of which grid it is, and where, and nothing else that it knows', async () => {
    const port = await freeUdpPort();
    await using other = await neighbour(port);
    await using daemon = announced(port);

    const said = await waitFor('the announcement', () => other.heard[0]);

    expect(said).toContain(`"port":8080,"target":"syntropy-${DAEMON_ID}.local"`);
    expect(said).toContain(JSON.stringify(Buffer.from(`ca=${gridHint(CA)}`)));
    expect(said).not.toContain(JSON.stringify([...Buffer.from(CA)]).slice(1, -1));
    expect(daemon.lines.join('')).toContain('announced');
  });

  it('is taken back when the daemon stops', async () => {
    const port = await freeUdpPort();
    await using other = await neighbour(port);
    await using daemon = announced(port);
    await waitFor('the announcement', () => other.heard[0]);

    await daemon.announcement.close();

    const last = await waitFor('the good-bye', () =>
      other.heard.find((packet) => packet.includes('"type":"PTR","ttl":0')),
    );
    expect(last).toContain(DAEMON_ID);
  });

  it('is given to whoever asks, and not more often than the network can bear', async () => {
    const port = await freeUdpPort();
    await using daemon = announced(port);
    await waitFor('the daemon to be announced', () => daemon.lines.join('').includes('announced'));
    await using other = await neighbour(port);

    const from = performance.now();
    for (let n = 0; n < 100; n += 1) other.mdns.ask(SERVICE_TYPE);
    await waitFor('the first answers', () => other.heard.length >= 20);
    await waitFor('more than a second’s answers', () => {
      other.mdns.ask(SERVICE_TYPE);
      return other.heard.length > 25;
    });

    expect(performance.now() - from).toBeGreaterThanOrEqual(1_000);
  });

  it('that cannot be made is logged once, and the daemon goes on', async () => {
    const holder = createSocket('udp4').bind(0, '0.0.0.0');
    await once(holder, 'listening');
    await using daemon = announced(holder.address().port);

    await waitFor('the warning', () => daemon.lines.join('').includes('EADDRINUSE'));
    await daemon.announcement.close();
    holder.close();

    expect(
      daemon.lines.filter((line) => line.includes('multicast DNS does not work')),
    ).toHaveLength(1);
  });

  it('is for networks on which it can be reached', () => {
    const networks = ['10.0.0.1', '192.168.1.5'];

    expect(announcedOn({ address: '0.0.0.0', port: 1 }, networks)).toEqual(networks);
    expect(announcedOn({ address: '::', port: 1 }, networks)).toEqual(networks);
    expect(announcedOn({ address: '10.0.0.1', port: 1 }, networks)).toEqual(['10.0.0.1']);
    const own = ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'];
    expect(own.filter((address) => isForOthers({ address, port: 1 }))).toEqual([]);
    const others = ['0.0.0.0', '::', '10.0.0.1', 'fd00::1', '::ffff:10.0.0.1'];
    expect(others.filter((address) => isForOthers({ address, port: 1 }))).toEqual(others);
  });
});
