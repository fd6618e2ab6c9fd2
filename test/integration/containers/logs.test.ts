import { describe, expect, it } from 'vitest';

import { channelAgent } from '../../support/channel-agent.js';
import { lines, readLog } from '../../support/channels.js';
import { remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';

// Goal: whatever a replica writes reaches whoever reads it, in order and without a gap, wherever its node is connected.
describe('the log of a container', () => {
  it('is read to its end, and followed', async () => {
    await using world = await remoteWorld();
    await using agent = await channelAgent(world, world, {
      programs: { '': { says: lines(20_000) } },
    });
    const { id } = await agent.run('web');

    const whole = await readLog(world.admin, { container: 'web' });
    const tail = await readLog(world.admin, { container: 'web', tail: 2 });
    const followed = await readLog(
      world.admin,
      { container: 'web', tail: 1, follow: true },
      { most: 3, onText: (count) => count < 3 && agent.runtime.say(id, `new ${count}`) },
    );

    expect(whole.texts).toEqual(lines(20_000).map(({ text }) => text));
    expect(tail.texts).toEqual(['line 19998', 'line 19999']);
    expect(followed.texts).toEqual(['line 19999', 'new 1', 'new 2']);
    expect(agent.bugs).toEqual([]);
  });

  it('is the same through another daemon, also a line that is longer than a letter', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const [, other = world] = world.replicas;
    const long = `${'“€”"\\'.repeat(8_000)}end`;
    await using agent = await channelAgent(world, world, {
      programs: { '': { says: [...lines(5_000), { stream: 'stderr', text: long }] } },
    });
    const { id } = await agent.run('web');

    const whole = await readLog(other.admin, { container: 'web' });
    const followed = await readLog(
      other.admin,
      { container: 'web', tail: 1, follow: true },
      { most: 2, onText: (count) => count === 1 && agent.runtime.say(id, 'new') },
    );

    expect(whole.texts).toEqual([...lines(5_000).map(({ text }) => text), long]);
    expect(followed.texts).toEqual([long, 'new']);
  });

  it('is in the order of time over replicas on nodes at two daemons', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const [first = world, second = world] = world.replicas;
    let clock = Date.parse('2026-01-02T03:04:05Z');
    const now = () => new Date((clock += 1));
    await using one = await channelAgent(world, first, { name: 'node-01', now });
    await using two = await channelAgent(world, second, { name: 'node-02', now });
    const a = await one.run('web', 1);
    const b = await two.run('web', 2);
    for (let n = 0; n < 600; n += 1) {
      if (n % 3 === 0) two.runtime.say(b.id, `line ${n}`);
      else one.runtime.say(a.id, `line ${n}`);
    }

    const whole = await readLog(first.admin, { container: 'web' });
    const followed = await readLog(
      second.admin,
      { container: 'web', follow: true },
      {
        most: 602,
        onText: (count) => {
          if (count === 600) two.runtime.say(b.id, 'line 600');
          if (count === 601) one.runtime.say(a.id, 'line 601');
        },
      },
    );

    const wanted = lines(602).map(({ text }) => text);
    expect(whole.texts).toEqual(wanted.slice(0, 600));
    expect(followed.texts).toEqual(wanted);
  });

  it('goes on without a replica whose node is gone, and says so', async () => {
    await using world = await remoteWorld();
    await using one = await channelAgent(world, world, { name: 'node-01' });
    await using two = await channelAgent(world, world, { name: 'node-02' });
    const a = await one.run('web', 1);
    const b = await two.run('web', 2);
    one.runtime.say(a.id, 'here');
    two.runtime.say(b.id, 'there');

    const followed = await readLog(
      world.admin,
      { container: 'web', follow: true },
      {
        most: 3,
        onText: (count) => {
          if (count === 2) void two.break();
        },
        onMissing: () => one.runtime.say(a.id, 'still here'),
      },
    );

    expect(followed.texts).toEqual(['here', 'there', 'still here']);
    expect(followed.missing).toEqual([
      { replica: 2, node: 'node-02', missing: 'The connection to the node has ended.' },
    ]);
  });

  it('ends with a word when the only node goes in the middle, or is not there at all', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const [, other = world] = world.replicas;
    await using agent = await channelAgent(world);
    const { id } = await agent.run('web');
    agent.runtime.say(id, 'here');

    const reading = [world, other].map(({ admin }) =>
      readLog(admin, { container: 'web', follow: true }).catch((error: unknown) => error),
    );
    await waitFor(
      'both to read',
      () => agent.asked.filter((frame) => 'open' in frame).length === 2 || undefined,
    );
    await agent.break();

    expect(await Promise.all(reading)).toMatchObject([
      { code: 'NODE_OFFLINE' },
      { code: 'NODE_OFFLINE' },
    ]);
    await waitFor('the daemon to note it', async () => {
      const { rows } = await world.database.pool.query('select session_id from node_agents');
      return rows.every(({ session_id: session }) => session === null);
    });
    await expect(readLog(world.admin, { container: 'web' })).rejects.toMatchObject({
      code: 'NODE_OFFLINE',
    });
  });

  it('is refused by name where there is no such container, no such replica, or nothing on its node', async () => {
    await using world = await remoteWorld();
    await using agent = await channelAgent(world);
    const { id } = await agent.run('web');

    await expect(readLog(world.admin, { container: 'nope' })).rejects.toMatchObject({
      code: 'CONTAINER_NOT_FOUND',
    });
    await expect(readLog(world.admin, { container: 'web', replica: 7 })).rejects.toMatchObject({
      code: 'REPLICA_NOT_FOUND',
    });
    await expect(
      world.admin.call('containers.restart', { container: 'web', replica: 7 }),
    ).rejects.toMatchObject({ code: 'REPLICA_NOT_FOUND' });
    await agent.runtime.remove(id);
    await expect(readLog(world.admin, { container: 'web' })).rejects.toMatchObject({
      code: 'RUNTIME_NOT_FOUND',
    });
  });
});
