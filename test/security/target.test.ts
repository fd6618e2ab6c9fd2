import { describe, expect, it } from 'vitest';

import { remoteWorld } from '../support/remote-world.js';
import { scrape } from '../support/scrape.js';

const targets: readonly (readonly [string, string, number])[] = [
  ['an escape that is none', '/v1/nodes/%zz', 404],
  ['an escape that breaks off', '/v1/nodes/%', 404],
  ['bytes that are no UTF-8', '/v1/nodes/%ff%fe', 404],
  ['a name that is far too long', `/v1/nodes/${'x'.repeat(4_000)}`, 401],
];

// Goal: what the router cannot read is not answered by the router: everyone passes the same door, and is counted at it.
describe('a request for', () => {
  it.each(targets)('%s is answered like any other', async (_, target, status) => {
    await using world = await remoteWorld();

    const answer = await world.ask('GET', target);

    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({
      'content-type': expect.stringContaining('application/problem+json'),
      'x-request-id': expect.any(String),
      'ratelimit-remaining': expect.any(String),
    });
  });

  it.each(targets)('%s is not let in by another name', async (_, target) => {
    await using world = await remoteWorld();

    const answer = await world.ask('GET', target, { headers: { host: 'rebound.example' } });

    expect([answer.status, answer.body.code]).toEqual([403, 'ORIGIN_REFUSED']);
  });

  it.each(targets)('%s is counted, and turned away when there are too many', async (_, target) => {
    await using world = await remoteWorld({ config: { 'limits.perAddressPerMinute': '3' } });
    const { opsUrl } = await world.admin.call('daemon.get', {});

    const statuses: number[] = [];
    for (let n = 0; n < 4; n += 1) statuses.push((await world.ask('GET', target)).status);
    const seen = await scrape(opsUrl);

    expect(statuses.map((status) => status === 429)).toEqual([false, false, false, true]);
    expect(seen.value('syntropy_rate_limited_total', { limit: 'address' })).toBe(1);
  });
});
