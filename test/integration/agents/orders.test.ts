import { rm, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import type { SyntropyClient } from '../../../src/client/client.js';

import { readIdentity } from '../../../src/agent/identity.js';
import { Obedience } from '../../../src/agent/obedience.js';
import { AgentRepository } from '../../../src/core/storage/postgres/agent.repository.js';
import { CAPACITY, connectOnce, joinToken, testAgent } from '../../support/agents.js';
import { type RemoteWorld, remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';

const get = (admin: SyntropyClient, node = 'node-02') => admin.call('nodes.get', { node });

const online = (admin: SyntropyClient, bootId = 'boot-1') =>
  waitFor('the node to be online and settled', async () => {
    const node = await get(admin);
    const { agent } = node;
    return node.status === 'online' &&
      agent?.bootId === bootId &&
      agent.capacity !== undefined &&
      agent.observedGeneration === agent.generation
      ? node
      : undefined;
  });

const settled = (admin: SyntropyClient, generation: number | undefined) =>
  waitFor('the node to have obeyed', async () => {
    const node = await get(admin);
    return (node.agent?.observedGeneration ?? 0) >= (generation ?? 0) ? node : undefined;
  });

// Goal: what a node is told reaches it once, is done, and is said to be done only then.
describe('a node that is told something', () => {
  it('keeps what its owner offers, and says so', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    await agent.run();
    const before = await online(world.admin);
    const offer = { cpuMillis: 2_000, memoryBytes: 4 * 2 ** 30 };

    const told = await world.admin.call('nodes.update', {
      node: 'node-02',
      offer,
      name: 'rack2-07',
      location: 'attic',
    });
    const more = await world.admin.call('nodes.update', {
      node: 'rack2-07',
      offer: { diskBytes: 50 },
    });
    const after = await waitFor('the offer to be kept', async () => {
      const node = await get(world.admin, before.id);
      return node.agent?.observedGeneration === more.agent?.generation ? node : undefined;
    });

    expect(told.agent?.generation).toBe((before.agent?.generation ?? 0) + 1);
    expect(after).toMatchObject({
      id: before.id,
      name: 'rack2-07',
      location: 'attic',
      offer: { ...offer, diskBytes: 50 },
      agent: { capacity: CAPACITY, problems: [] },
    });
    expect(await agent.files.target()).toMatchObject({
      name: 'rack2-07',
      offer: { ...offer, diskBytes: 50 },
    });
  });

  it('is refused an offer of more than it has, and stays as it was', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    await agent.run();
    const before = await online(world.admin);

    const refused = world.admin.call('nodes.update', {
      node: 'node-02',
      offer: { cpuMillis: 4_001 },
    });

    await expect(refused).rejects.toMatchObject({
      code: 'OFFER_EXCEEDS_HARDWARE',
      message: expect.stringContaining('4.001 cores is more than the 4 cores'),
    });
    expect(await get(world.admin)).toMatchObject({ version: before.version });
  });

  it('says what it cannot lend when the offer came before anybody knew', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    await world.admin.call('nodes.update', { node: 'node-02', offer: { cpuMillis: 64_000 } });

    await agent.run();
    const node = await online(world.admin);

    expect(node.agent?.problems).toEqual([
      {
        code: 'OFFER_EXCEEDS_HARDWARE',
        message: expect.stringContaining('64 cores is more than the 4 cores'),
      },
    ]);
    await world.admin.call('nodes.update', { node: 'node-02', offer: null });
    await waitFor('the trouble to be over', async () => {
      const { agent: now } = await get(world.admin);
      return now?.problems.length === 0;
    });
  });

  it('hears of it when it comes back, if it was away', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    await agent.run();
    await online(world.admin);
    await agent.stop();

    const told = await world.admin.call('nodes.drain', { node: 'node-02', reason: 'new disk' });
    const away = await get(world.admin);
    await agent.run('boot-2');
    const back = await settled(world.admin, told.agent?.generation);

    expect(away.agent?.observedGeneration).toBeLessThan(told.agent?.generation ?? 0);
    expect(back.drained).toMatchObject({ reason: 'new disk' });
    expect(await agent.files.target()).toMatchObject({ drained: true });
    const again = await world.admin.call('nodes.undrain', { node: 'node-02' });
    const free = await settled(world.admin, again.agent?.generation);
    expect(free.drained).toBeUndefined();
  });

  it('stays connected however fast it is told, and ends with what was told last', async () => {
    await using world = await remoteWorld({ config: { 'limits.perSubject': '1000000' } });
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    await agent.run();
    await online(world.admin);

    let last = 0;
    for (let n = 0; n < 200; n += 1) {
      const { agent: told } = await world.admin.call('nodes.update', {
        node: 'node-02',
        offer: { cpuMillis: n },
      });
      last = told?.generation ?? 0;
    }
    await settled(world.admin, last);

    expect(await agent.files.target()).toMatchObject({
      generation: last,
      offer: { cpuMillis: 199 },
    });
    expect(agent.log.filter((line) => line.startsWith('not connected'))).toEqual([]);
  });

  it('hears of it however many others do not do what they are told', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    await agent.run();
    const { id } = await online(world.admin);
    await stuckBeside(world, id, 2_500);

    const told = await world.admin.call('nodes.drain', { node: 'node-02' });
    await settled(world.admin, told.agent?.generation);

    expect(await agent.files.target()).toMatchObject({ drained: true });
  });

  it('says that it is done only when it lies on its disk', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    await agent.run();
    await online(world.admin);
    const file = path.join(agent.files.directory, 'target.json');
    await rm(file);
    await mkdir(file);

    const told = await world.admin.call('nodes.drain', { node: 'node-02' });
    const stuck = await waitFor('the trouble to be told', async () => {
      const node = await get(world.admin);
      return node.agent?.problems.length === 1 ? node : undefined;
    });
    await rm(file, { recursive: true });
    const after = await settled(world.admin, told.agent?.generation);

    expect(stuck.agent).toMatchObject({
      observedGeneration: (told.agent?.generation ?? 0) - 1,
      problems: [{ code: 'TARGET_NOT_KEPT' }],
    });
    expect(after.drained).toBeDefined();
  }, 30_000);
});

describe('what a node reports', () => {
  it('is noted once the database takes it again', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    const { pool } = world.database;
    await pool.query(`create function away() returns trigger language plpgsql as $$ begin raise 'away'; end $$;
      create trigger away before update of capacity on node_agents for each row execute function away()`);

    await agent.run();
    await waitFor('it to be reported in vain', () =>
      world.log.some((line) => line.includes('could not be noted')),
    );
    await pool.query('drop trigger away on node_agents');

    expect(await online(world.admin)).toMatchObject({ agent: { capacity: CAPACITY } });
  }, 30_000);
});

describe('a machine with a full disk', () => {
  it('has no trouble with what lies on it already', async () => {
    await using agent = await testAgent();
    await blocked(agent);

    const obeyed = await obedienceOf(agent).obey({
      generation: 2,
      name: 'node-02',
      drained: false,
    });

    expect(obeyed).toMatchObject({ isKept: true, report: { generation: 2, problems: [] } });
  });

  it('has not kept what differs, also where the generation is that of before', async () => {
    await using agent = await testAgent();
    await blocked(agent);

    const obeyed = await obedienceOf(agent).obey({ generation: 2, name: 'node-02', drained: true });

    expect(obeyed).toMatchObject({
      isKept: false,
      report: { generation: 2, problems: [{ code: 'TARGET_NOT_KEPT' }] },
    });
  });
});

describe('a machine that is to start anew', () => {
  it('does so once, however often it is told', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent({ mayRestart: true });
    await agent.join(await joinToken(world), 'node-02');
    await agent.run();
    await online(world.admin);

    const { bootId } = await world.admin.call('nodes.restart', { node: 'node-02', force: true });
    await waitFor('it to go down', async () => agent.restarts.length > 0);
    await agent.stop();
    await agent.run('boot-2');
    await online(world.admin, 'boot-2');
    await world.admin.call('nodes.update', { node: 'node-02', description: 'told anew' });
    await online(world.admin, 'boot-2');

    expect(bootId).toBe('boot-1');
    expect(agent.restarts).toEqual([true]);
  });

  it('does not where its owner has not allowed it, and says so', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    await agent.run();
    await online(world.admin);

    const { node } = await world.admin.call('nodes.restart', { node: 'node-02' });
    const after = await settled(world.admin, node.agent?.generation);

    expect(after.agent?.problems).toMatchObject([{ code: 'RESTART_NOT_ALLOWED' }]);
    expect(agent.restarts).toEqual([]);
  });

  it('has obeyed already when it has started since, whatever a daemon says', async () => {
    await using agent = await testAgent({ mayRestart: true });
    const obedience = new Obedience(
      {
        files: agent.files,
        control: { capacity: () => Promise.resolve(CAPACITY), restart: () => Promise.resolve() },
        bootId: 'boot-2',
        mayRestart: true,
        mayUpdate: false,
        version: '1.0.0',
        log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      },
      { version: 1, generation: 1, name: 'node-02' },
    );
    const desired = { generation: 2, name: 'node-02', drained: false };
    const order = (bootId: string) => ({ ...desired, restart: { bootId, force: false } });

    expect((await obedience.obey(order('boot-1'))).next).toBeUndefined();
    expect((await obedience.obey(order('boot-2'))).next).toBe('restart');
  });

  it('cannot be told while it is away, nor before it came', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');

    const never = world.admin.call('nodes.restart', { node: 'node-02' });

    await expect(never).rejects.toMatchObject({ code: 'NODE_OFFLINE' });
  });

  it('is not taken by surprise by an order of long ago', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent({ mayRestart: true });
    await agent.join(await joinToken(world), 'node-02');
    await agent.run();
    const { id } = await online(world.admin);
    await agent.stop();
    await world.database.pool.query(
      `update node_agents set restart_boot_id = boot_id, restart_ordered_at = now() - interval '6 minutes', generation = generation + 1
       where node_id = $1`,
      [id],
    );

    await agent.run();
    await online(world.admin);

    expect(agent.restarts).toEqual([]);
  });
});

describe('a node that is deleted', () => {
  it('takes its keys away first, and its agent ends', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    const { ended } = await agent.run();
    await online(world.admin);

    const deleted = await world.admin.call('nodes.delete', { node: 'node-02' });
    const { events } = await world.admin.call('events.list', { after: '0', limit: 100 });

    expect(deleted).toMatchObject({ outcome: 'removed', wiped: true });
    const types = events.map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['node.dismissed', 'node.removed']));
    expect(types).not.toContain('node.drained');
    expect(await ended).toBeUndefined();
    expect(await agent.files.membership()).toBeUndefined();
    expect(await readIdentity(agent.files.directory)).toBeUndefined();
    await expect(get(world.admin)).rejects.toMatchObject({ code: 'NODE_NOT_FOUND' });
  });

  it('is only deleted by force when its machine is not there, and its keys open nothing then', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    await agent.run();
    await online(world.admin);
    await agent.stop();
    await waitFor('it to be gone', async () => !(await get(world.admin)).agent?.connectedAt);

    const kept = world.admin.call('nodes.delete', { node: 'node-02' });
    await expect(kept).rejects.toMatchObject({ code: 'NODE_OFFLINE' });
    const still = await get(world.admin);
    const deleted = await world.admin.call('nodes.delete', { node: 'node-02', force: true });
    await using late = await connectOnce(agent);

    expect(still.drained).toBeUndefined();
    expect(deleted).toMatchObject({ outcome: 'removed' });
    expect(deleted.wiped).toBeUndefined();
    expect(late.code).toBe('AGENT_UNKNOWN');
  });

  it('is not deleted, nor its machine told, when it has changed meanwhile', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    await agent.run();
    const { version } = await online(world.admin);
    await world.admin.call('nodes.update', { node: 'node-02', description: 'changed' });

    const refused = world.admin.call('nodes.delete', { node: 'node-02', ifVersion: version });

    await expect(refused).rejects.toMatchObject({ code: 'VERSION_CONFLICT' });
    expect(await get(world.admin)).toMatchObject({ status: 'online' });
    expect(await agent.files.membership()).toBeDefined();
  });
});

describe('what an agent reports', () => {
  it('counts for no other session than its own', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    await agent.run();
    const before = await online(world.admin);
    const store = new AgentRepository(world.database.db);

    await store.report('018f6e2a-0000-7000-8000-000000000000', {
      generation: 99,
      capacity: { cpuMillis: 1, memoryBytes: 1, diskBytes: 1 },
      problems: [],
    });

    expect((await get(world.admin)).agent).toMatchObject({
      observedGeneration: before.agent?.observedGeneration,
      capacity: CAPACITY,
    });
  });
});

/** So many nodes whose agents are connected to the same daemon and behind for good, looked at before that one. */
async function stuckBeside({ database }: RemoteWorld, nodeId: string, count: number) {
  await database.pool.query(
    `with made as (
       insert into nodes (id, name, owner_id, status, status_since)
       select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'stuck-' || n, o.owner_id, 'online', now()
       from generate_series(1, $2::int) as s(n), nodes o where o.id = $1 returning id)
     insert into node_agents (node_id, identity_key, wireguard_key, machine, approval, joined_at, session_id, daemon_id, generation)
     select made.id, sha256(('i' || made.id)::bytea), sha256(('w' || made.id)::bytea), machine, approval, joined_at, gen_random_uuid(), daemon_id, 9
     from made, node_agents a where a.node_id = $1`,
    [nodeId, count],
  );
  for (const table of ['nodes', 'node_agents']) {
    await database.pool.query(`cluster ${table} using ${table}_pkey`);
  }
}

type TestAgent = Awaited<ReturnType<typeof testAgent>>;

function obedienceOf({ files }: TestAgent) {
  return new Obedience(
    {
      files,
      control: { capacity: () => Promise.resolve(CAPACITY), restart: () => Promise.resolve() },
      bootId: 'boot-1',
      mayRestart: false,
      mayUpdate: false,
      version: '1.0.0',
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    },
    { version: 1, generation: 2, name: 'node-02', drained: false },
  );
}

/** As on a full disk: what is to be kept cannot be. */
async function blocked({ files }: TestAgent): Promise<void> {
  await mkdir(path.join(files.directory, 'target.json'));
}
