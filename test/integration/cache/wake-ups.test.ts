import { describe, expect, it } from 'vitest';

import { openReplica, type TestReplica } from '../../support/replicas.js';
import { startRedis } from '../../support/redis.js';
import { missing } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';

function wakeUpsOf({ wakeUps }: TestReplica): (string | undefined)[] {
  const heard: (string | undefined)[] = [];
  wakeUps.onWake((type) => heard.push(type));
  return heard;
}

// Goal: what happens on one replica wakes the others, and none is left asleep by a connection that broke.
describe.skipIf(missing('redis'))('wake-ups', () => {
  it('reach the other replicas, and not the one that sends them', async () => {
    await using redis = await startRedis();
    using a = await openReplica(redis.url);
    using b = await openReplica(redis.url);
    const [heardByA, heardByB] = [wakeUpsOf(a), wakeUpsOf(b)];

    await waitFor('a wake-up', async () => {
      await a.wakeUps.publish('member.update');
      return heardByB.includes('member.update');
    });

    expect(heardByA.filter((type) => type !== undefined)).toEqual([]);
  });

  it('come without a type after each connect, for those that were missed', async () => {
    await using redis = await startRedis();
    using a = await openReplica(redis.url);
    const heard = wakeUpsOf(a);
    await redis.stop();
    await redis.start();

    await waitFor('a wake-up', () => heard.includes(undefined));
    expect(heard.filter((type) => type !== undefined)).toEqual([]);
  });

  it('carry a type that is one, whatever is sent on the channel', async () => {
    await using redis = await startRedis();
    using a = await openReplica(redis.url);
    const heard = wakeUpsOf(a);
    const send = (text: string) =>
      redis.ask((client) => client.publish('syntropy:test-grid:wake', text));
    await waitFor('a subscriber', async () => (await send('x token.revoked')) === 1);

    for (const text of ['', 'x', 'x <script>', `x ${'a'.repeat(101)}`, 'x y.z more'])
      await send(text);

    await waitFor('all of them', () => heard.includes('y.z'));
    expect(new Set(heard)).toEqual(new Set([undefined, 'token.revoked', 'y.z']));
  });

  it('are nobody’s without a server', async () => {
    using a = await openReplica(undefined);
    const heard = wakeUpsOf(a);

    await a.wakeUps.publish('member.update');

    expect(heard).toEqual([]);
  });
});
