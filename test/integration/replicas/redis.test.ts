import { describe, expect, it } from 'vitest';

import { startRedis } from '../../support/redis.js';
import { remoteWorld } from '../../support/remote-world.js';
import { missing } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';

type World = Awaited<ReturnType<typeof remoteWorld>>;

/** Asks so often, one replica after the other, and answers how often nobody minded. */
async function served({ replicas }: World, token: string, times: number): Promise<number> {
  const answers = await Promise.all(
    Array.from({ length: times }, async (_, n) =>
      replicas[n % replicas.length]?.ask('GET', '/v1/sessions/current', { token }),
    ),
  );
  const wrong = answers.filter((answer) => answer?.status !== 200 && answer?.status !== 429);
  expect(wrong.map((answer) => answer?.body)).toEqual([]);
  return answers.filter((answer) => answer?.status === 200).length;
}

const logged = ({ log }: World, text: string) =>
  waitFor(
    `"${text}" from every replica`,
    () => log.filter((line) => line.includes(text)).length >= 3,
  );

// Goal: daemons with one Redis have one limit, and do not need it.
describe.skipIf(missing('redis'))('three daemons on one Redis', () => {
  it('share a limit exactly; without it each keeps to its own, and no call fails', async () => {
    await using redis = await startRedis();
    const config = { 'redis.url': redis.url, 'limits.perSubjectPerMinute': '40' };
    await using world = await remoteWorld({ replicas: 3, config });
    const ana = await world.signedIn('ana');
    const bob = await world.signedIn('bob');

    expect(await served(world, ana.accessToken, 90)).toBe(40);

    await redis.stop();
    await logged(world, 'redis is away');
    expect(await served(world, ana.accessToken, 30)).toBe(0);
    const alone = await served(world, bob.accessToken, 240);
    expect(alone).toBeGreaterThanOrEqual(40);
    expect(alone).toBeLessThanOrEqual(120);

    await redis.start();
    await logged(world, 'redis is back');
    expect(await served(world, ana.accessToken, 30)).toBe(0);
  });

  it('show every change at once in lists that Redis keeps, also when it is flushed', async () => {
    await using redis = await startRedis();
    await using world = await remoteWorld({ replicas: 3, config: { 'redis.url': redis.url } });
    const ana = await world.signedIn('ana', { roles: ['admin'] });
    await world.database.pool.query(
      `insert into nodes (name, status) values ('node-01', 'provisioned')`,
    );
    for (let n = 0; n < 20; n += 1) {
      await world.replicas[n % 3]?.ask('PATCH', '/v1/nodes/node-01', {
        token: ana.accessToken,
        body: { description: `change ${n}` },
      });
      if (n % 5 === 4) await redis.ask((client) => client.flushall());
      for (const replica of world.replicas) {
        const list = await replica.ask('GET', '/v1/nodes', { token: ana.accessToken });
        expect(list.body.nodes[0].description).toBe(`change ${n}`);
      }
    }

    expect(await redis.ask((client) => client.keys('*:text:*'))).not.toEqual([]);
  });
});
