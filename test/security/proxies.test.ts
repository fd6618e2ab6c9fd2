import { describe, expect, it } from 'vitest';

import { remoteWorld, type RemoteWorld } from '../support/remote-world.js';
import { wsClient } from '../support/ws-client.js';

/** Does what is not allowed, once over HTTP and once over WebSocket: from where does the log say that it came? */
async function sourcesOf(world: RemoteWorld, forwardedFor: string): Promise<readonly string[]> {
  const { accessToken: token } = await world.signedIn('ana', { roles: ['member'] });
  const headers = { 'x-forwarded-for': forwardedFor };
  await world.ask('GET', '/v1/audit', { token, headers });
  await using client = await wsClient(world, { token, forwardedFor });
  await client.call('audit.list');
  const { entries } = await world.admin.call('audit.list', { operation: 'audit.list' });
  return entries.map(({ source }) => source);
}

// Goal: where a call came from is believed from our own proxies, and from nobody else.
describe('a request through a proxy', () => {
  it('comes from whom the proxy names, over HTTP and WebSocket alike', async () => {
    await using world = await remoteWorld({ config: { 'api.trustedProxies': '127.0.0.0/8' } });

    // The first of them is what the client made up.
    expect(await sourcesOf(world, '192.0.2.1, 203.0.113.7, 127.0.0.9')).toEqual([
      '203.0.113.7',
      '203.0.113.7',
    ]);
  });

  it('comes from the proxy when it names nobody', async () => {
    await using world = await remoteWorld({ config: { 'api.trustedProxies': '127.0.0.1' } });

    expect(await sourcesOf(world, 'somebody')).toEqual(['127.0.0.1', '127.0.0.1']);
  });

  it('comes from where it came when nobody is trusted, whatever it says', async () => {
    await using world = await remoteWorld({ config: { 'api.trustedProxies': '10.0.0.0/8' } });

    expect(await sourcesOf(world, '203.0.113.7')).toEqual(['127.0.0.1', '127.0.0.1']);
  });

  it('counts against whom the proxy names', async () => {
    await using world = await remoteWorld({
      config: { 'api.trustedProxies': '127.0.0.1', 'limits.perAddressPerMinute': '2' },
    });
    const from = async (address: string) => {
      const { status } = await world.ask('GET', '/v1/keys', {
        headers: { 'x-forwarded-for': address },
      });
      return status;
    };
    for (const _ of [1, 2]) await from('203.0.113.7');

    expect(await from('203.0.113.7')).toBe(429);
    expect(await from('203.0.113.8')).toBe(200);
  });

  it('is not waited for when the proxies cannot be read', async () => {
    const world = remoteWorld({ config: { 'api.trustedProxies': 'loopback, 10.0.0.0/99' } });

    await expect(world).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      details: { key: 'api.trustedProxies' },
    });
  });
});
