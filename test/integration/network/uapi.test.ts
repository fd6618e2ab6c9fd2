import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';

import { Uapi } from '../../../src/core/platform/common/wireguard/uapi.js';
import { scratchFolder } from '../../support/scratch.js';

/** A device that answers each call with these pieces, and keeps the connection as real ones do. */
async function deviceThatSays(...pieces: readonly string[]) {
  const folder = await scratchFolder();
  const heard: string[] = [];
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.once('data', (chunk) => {
      heard.push(String(chunk));
      for (const piece of pieces) socket.write(piece);
      if (!pieces.join('').endsWith('\n\n')) socket.end();
    });
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(folder.file('sock'), resolve));
  return {
    uapi: new Uapi(folder.file('sock')),
    heard,
    async [Symbol.asyncDispose]() {
      server.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const KEY = 'ab'.repeat(32);

describe('a device of WireGuard', () => {
  it('is read in pieces, and what is new in it is passed over', async () => {
    await using device = await deviceThatSays(
      `private_key=${KEY}\nlisten_port=51820\nfwmark=1\npublic_key=${KEY}\nendpoint=[2001:db8::1]:7\nrx_b`,
      `ytes=12\ntx_bytes=13\nlast_handshake_time_sec=99\nnew_thing=1\nallowed_ip=10.0.0.0/8\nallowed_ip=FD77::/64\nerrno=0\n`,
      '\n',
    );
    const { listenPort, privateKey, peers } = await device.uapi.get();
    expect([listenPort, privateKey]).toEqual([51_820, KEY]);
    expect(peers.get(KEY)).toEqual({
      key: KEY,
      endpoint: { host: '2001:db8::1', port: 7 },
      lastHandshakeSeconds: 99,
      rxBytes: 12,
      txBytes: 13,
      keepaliveSeconds: 0,
      allowedIps: new Set(['10.0.0.0/8', 'fd77::/64']),
    });
    expect(device.heard).toEqual(['get=1\n\n']);
  });

  it.each([
    ['no end', 'listen_port=1\n'],
    ['no errno', 'listen_port=1\n\n'],
    ['a port that is none', 'listen_port=ten\nerrno=0\n\n'],
    ['a key that is none', 'public_key=xyz\nerrno=0\n\n'],
    ['an endpoint that is none', `public_key=${KEY}\nendpoint=host:1\nerrno=0\n\n`],
    ['a prefix that is none', `public_key=${KEY}\nallowed_ip=10.0.0.1/8\nerrno=0\n\n`],
    ['a line that is none', 'nonsense\nerrno=0\n\n'],
    ['an error', 'errno=-22\n\n'],
  ])('is not believed with %s', async (_, answer) => {
    await using device = await deviceThatSays(answer);
    await expect(device.uapi.get()).rejects.toMatchObject({ code: 'TUNNEL_FAILED' });
  });

  it('says when its port is taken, and is not asked about nothing', async () => {
    await using device = await deviceThatSays('errno=-98\n\n');
    await expect(device.uapi.set(['listen_port=1'])).rejects.toMatchObject({
      code: 'TUNNEL_CONFLICT',
    });
    await device.uapi.set([]);
    expect(device.heard).toEqual(['set=1\nlisten_port=1\n\n']);
  });

  it('that is not there answers nothing', async () => {
    const uapi = new Uapi('/nonexistent/sock');
    await expect(uapi.get()).rejects.toMatchObject({ code: 'TUNNEL_FAILED' });
    await expect(uapi.isAnswering()).resolves.toBe(false);
  });
});
