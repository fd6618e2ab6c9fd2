import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';

import { RedisLink } from '../../../src/core/storage/redis/link.js';

const AWAY = 'redis is away; this replica counts and caches by itself';

/** A link on a client that never connects; what happens to it is told by hand. */
function linkOnNothing() {
  const client = new Redis({ lazyConnect: true });
  const troubles: string[] = [];
  const link = new RedisLink(client, {
    probe: async () => undefined,
    onTrouble: (what, { reason }) => troubles.push(`${what}: ${String(reason)}`),
  });
  const fail = (message: string, more: object = {}) =>
    client.emit('error', Object.assign(new TypeError(message), more));
  return { link, troubles, fail };
}

// Goal: a server that stays away is one line in the log, and none of its lines holds a secret.
describe('a link to a server that is away', () => {
  it('says each reason once', () => {
    const { link, troubles, fail } = linkOnNothing();

    for (const code of ['ECONNREFUSED', 'ECONNREFUSED', 'ENOTFOUND', 'ENOTFOUND']) {
      fail(`connect ${code}`, { code });
    }
    link.close();

    expect(troubles).toEqual([`${AWAY}: ECONNREFUSED`, `${AWAY}: ENOTFOUND`]);
  });

  it.each([
    ['WRONGPASS invalid username-password pair', 'WRONGPASS'],
    ['Connection is closed.', 'NO_ANSWER'],
    ['hunter2 is no good', 'NO_ANSWER'],
  ])('says of "%s" no more than %s', (message, reason) => {
    const { link, troubles, fail } = linkOnNothing();

    // The driver hangs the failed command on its error.
    fail(message, { command: { name: 'auth', args: ['hunter2'] } });
    link.close();

    expect(troubles).toEqual([`${AWAY}: ${reason}`]);
  });

  it('answers at once that there is no answer, and says nothing once it is closed', async () => {
    const { link, troubles, fail } = linkOnNothing();

    expect(await link.ask((redis) => redis.ping())).toBeUndefined();
    link.close();
    fail('connect', { code: 'ECONNREFUSED' });

    expect(troubles).toEqual([]);
  });
});
