import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';

import type { SyntropyClient } from '../../../src/client/client.js';

import { AgentRepository } from '../../../src/core/storage/postgres/agent.repository.js';
import { connectOnce, joinToken, type TestAgent, testAgent } from '../../support/agents.js';
import { remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';

const statusOf = (admin: SyntropyClient, node: string, status: string) =>
  waitFor(`${node} to be ${status}`, async () => {
    const now = await admin.call('nodes.get', { node });
    return now.status === status ? now : undefined;
  });

// Goal: what a grid says of a node is so, and whoever is not the node is not believed.
describe('an agent that is connected', () => {
  it('is turned away once its node was deleted, and cannot come back', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    const { ended } = await agent.run();
    await statusOf(world.admin, 'node-02', 'online');

    await world.admin.call('nodes.delete', { node: 'node-02', force: true });

    expect(await ended).toMatchObject({ code: 'AGENT_UNKNOWN' });
    expect(await agent.files.status()).toMatchObject({ state: 'refused' });
  });

  it('connects anew when its connection is no longer its node’s', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    await agent.run();
    const before = await statusOf(world.admin, 'node-02', 'online');

    await world.database.pool.query('update node_agents set session_id = gen_random_uuid()');
    await waitFor(
      'the agent to have connected anew',
      () => agent.log.filter((line) => line.startsWith('connected')).length > 1,
      25_000,
    );

    const after = await world.admin.call('nodes.get', { node: 'node-02' });
    expect(after).toMatchObject({ id: before.id, status: 'online' });
  }, 40_000);

  it('is offline when it was not heard of, then lost, and online when it comes again', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    await agent.run();
    await statusOf(world.admin, 'node-02', 'online');
    await agent.stop();
    const store = new AgentRepository(world.database.db);
    const since = new Date(0);
    const silentFor = (seconds: number) =>
      world.database.pool.query(
        "update node_agents set last_seen_at = now() - $1 * interval '1 second'",
        [seconds],
      );

    await silentFor(29);
    const early = await store.sweep({ offlineSeconds: 30, lostSeconds: 3600, since });
    await silentFor(31);
    const late = await store.sweep({ offlineSeconds: 30, lostSeconds: 3600, since });
    const offline = await world.admin.call('nodes.get', { node: 'node-02' });
    await silentFor(3_601);
    await store.sweep({ offlineSeconds: 30, lostSeconds: 3600, since });
    const lost = await world.admin.call('nodes.get', { node: 'node-02' });
    await agent.run('boot-2');
    const back = await statusOf(world.admin, 'node-02', 'online');

    expect([early, late]).toEqual([0, 1]);
    expect(offline).toMatchObject({
      status: 'offline',
      statusReason: expect.stringContaining('Nothing was heard of it since 20'),
    });
    expect(offline.agent?.connectedAt).toBeUndefined();
    expect(lost.status).toBe('lost');
    expect(back.agent).toMatchObject({ bootId: 'boot-2' });
    expect(back.statusReason).toBeUndefined();
  });

  it('is not called silent by a daemon that was away itself', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    await agent.run();
    await statusOf(world.admin, 'node-02', 'online');
    await world.database.pool.query(
      "update node_agents set last_seen_at = now() - interval '1 day'",
    );

    const store = new AgentRepository(world.database.db);
    const moved = await store.sweep({ offlineSeconds: 30, lostSeconds: 3600, since: new Date() });

    expect(moved).toBe(0);
  });

  it.each([
    ['keys are gone', (agent: TestAgent) => agent.files.wipe()],
    [
      'files are of another node',
      async (agent: TestAgent) => {
        const membership = await agent.files.membership();
        if (!membership) return;
        const node = { id: randomUUID(), name: 'node-03' };
        await agent.files.saveMembership({ ...membership, node });
      },
    ],
  ])('ends by itself when its %s, though no daemon tells it', async (_, change) => {
    await using agent = await testAgent();
    const ends: unknown[] = [];
    {
      await using world = await remoteWorld();
      await agent.join(await joinToken(world), 'node-02');
      const { ended } = await agent.run();
      void ended.then((error) => ends.push(error));
      await statusOf(world.admin, 'node-02', 'online');
      await change(agent);
    }

    await waitFor('the agent to end', () => ends.length > 0);
    expect(ends).toEqual([undefined]);
    expect(agent.log.at(-1)).toContain('left the grid');
  });

  it('is called degraded when it comes and goes', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    for (let time = 0; time < 5; time += 1) {
      await agent.run();
      await waitFor(
        'a connection',
        () => agent.log.filter((line) => line.startsWith('connected')).length > time,
      );
      await agent.stop();
    }

    expect(await world.admin.call('nodes.get', { node: 'node-02' })).toMatchObject({
      status: 'degraded',
      statusReason: expect.stringContaining('comes and goes'),
    });
  });
});

describe('an agent that is cut off', () => {
  it('ends when it is told to, whether or not the daemon hears of it', async () => {
    await using world = await remoteWorld();
    await using line = await openLine(world.port);
    await using agent = await testAgent();
    await agent.join(await joinToken(world, { daemonUrl: line.url }), 'node-02');
    await agent.run();
    await statusOf(world.admin, 'node-02', 'online');
    line.cut();

    const from = performance.now();
    await agent.stop();

    // What it waits for otherwise is half a minute.
    expect(performance.now() - from).toBeLessThan(10_000);
  }, 60_000);
});

describe('a machine with the identity of another', () => {
  it('is refused while the first is connected, and the first stays', async () => {
    await using world = await remoteWorld();
    await using first = await testAgent();
    await first.join(await joinToken(world), 'node-02');
    await first.run();
    await statusOf(world.admin, 'node-02', 'online');
    await using copy = await testAgent();
    const membership = await first.files.membership();
    if (membership) await copy.files.saveMembership(membership);
    const stolen = { ...copy, identity: first.identity };

    await using running = await connectOnce(stolen);

    expect(running.code).toBe('AGENT_CLONED');
    expect((await world.admin.call('nodes.get', { node: 'node-02' })).status).toBe('online');
  });

  it('waits for approval when the first is gone, and is the node once approved', async () => {
    await using world = await remoteWorld();
    await using first = await testAgent();
    await first.join(await joinToken(world), 'node-02');
    const membership = await first.files.membership();
    await using copy = await testAgent();
    if (membership) await copy.files.saveMembership(membership);
    const moved = { ...copy, identity: first.identity };

    await using refused = await connectOnce(moved);
    const suspected = await world.admin.call('nodes.get', { node: 'node-02' });
    await world.admin.call('nodes.approve', { node: 'node-02' });
    await using admitted = await connectOnce(moved);

    expect(refused.code).toBe('AGENT_MACHINE_CHANGED');
    expect(suspected).toMatchObject({
      agent: { approval: 'pending' },
      statusReason: expect.stringContaining('another machine'),
    });
    expect(admitted.code).toBe('welcome');
  });

  it('is nobody with another key, or with the id of another node', async () => {
    await using world = await remoteWorld();
    await using first = await testAgent();
    await using second = await testAgent();
    await first.join(await joinToken(world), 'node-01');
    await second.join(await joinToken(world), 'node-02');
    const membership = await first.files.membership();
    if (membership) await second.files.saveMembership(membership);

    await using running = await connectOnce(second);

    expect(running.code).toBe('AGENT_UNKNOWN');
  });
});

describe('a node that asks for approval', () => {
  it('is let in by whoever may, and by nobody else', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    const member = await world.signedIn('mara');
    const joined = await agent.join(await joinToken(world, { approval: 'manual' }), 'node-02');

    await using waiting = await connectOnce(agent);
    const denied = await world.ask('POST', '/v1/nodes/node-02/approve', {
      token: member.accessToken,
    });
    const approved = await world.admin.call('nodes.approve', { node: 'node-02' });
    await using admitted = await connectOnce(agent);

    expect(joined.approval).toBe('pending');
    expect(waiting.code).toBe('NODE_NOT_APPROVED');
    expect(denied.status).toBe(403);
    expect(approved).toMatchObject({ agent: { approval: 'approved' } });
    expect(admitted.code).toBe('welcome');
    await expect(world.admin.call('nodes.approve', { node: 'node-02' })).rejects.toMatchObject({
      code: 'NODE_NOT_PENDING',
    });
  });

  it('is failed once it was turned away, and its keys open nothing', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world, { approval: 'manual' }), 'node-02');

    const rejected = await world.admin.call('nodes.reject', {
      node: 'node-02',
      reason: 'not ours',
    });
    await using running = await connectOnce(agent);

    expect(rejected).toMatchObject({ status: 'failed', statusReason: 'not ours' });
    expect(running.code).toBe('NODE_REJECTED');
  });
});

/** A way to a daemon that can be cut off so that neither side is told. */
async function openLine(port: number) {
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    near.pipe(far);
    far.pipe(near);
    for (const socket of [near, far]) socket.on('error', () => undefined);
    sockets.push(near, far);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const own = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `https://127.0.0.1:${own}`,
    cut: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
