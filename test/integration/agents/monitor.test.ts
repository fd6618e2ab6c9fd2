import { describe, expect, it } from 'vitest';

import { MachineRepository } from '../../../src/core/storage/postgres/machine.repository.js';
import { SampleRepository } from '../../../src/core/storage/postgres/sample.repository.js';
import { joinToken, madeUpReports, testAgent } from '../../support/agents.js';
import { type RemoteWorld, remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';

const hardware = {
  os: { name: 'Debian GNU/Linux', version: '13', kernel: '6.12.1', arch: 'x64' },
  cpu: { model: 'Ryzen 5', cores: 6, threads: 12 },
  memoryBytes: 32e9,
  disks: [{ name: 'nvme0n1', kind: 'NVMe', sizeBytes: 1e12 }],
};
const sample = {
  cpuPercent: 12.5,
  load1: 0.75,
  memoryUsedBytes: 8e9,
  memoryTotalBytes: 32e9,
  diskUsedBytes: 4e11,
  diskTotalBytes: 1e12,
  temperatureCelsius: 48,
};

/** A node whose agent is connected and tells this. */
async function living(world: RemoteWorld, name = 'node-02') {
  const reports = madeUpReports(hardware, sample);
  const agent = await testAgent({ reports });
  await agent.join(await joinToken(world), name);
  await agent.run();
  const node = await waitFor(`${name} to tell of its machine`, async () => {
    const now = await world.admin.call('nodes.get', { node: name });
    return now.hardware && now.sample ? now : undefined;
  });
  return { agent, reports, node, [Symbol.asyncDispose]: () => agent[Symbol.asyncDispose]() };
}

/** Samples of a node in the past, so many seconds apart, of which the n-th has `cpu(n)`. */
async function past(
  world: RemoteWorld,
  nodeId: string,
  { count, everySeconds, cpu }: { count: number; everySeconds: number; cpu: (n: number) => number },
) {
  await world.database.pool.query(
    `insert into node_samples (node_id, at, cpu_percent, disk_used, disk_total)
     select $1, date_trunc('hour', now(), 'UTC') - interval '1 hour' + n * $2 * interval '1 second', (c)::float8, 10, 100
     from unnest($3::float8[]) with ordinality as u(c, o), lateral (select o - 1 as n) x`,
    [nodeId, everySeconds, Array.from({ length: count }, (_, n) => cpu(n))],
  );
}

const rollUpFrom = (world: RemoteWorld, hours: number) =>
  world.database.pool.query(
    `update node_sample_rollups set until = date_trunc('hour', now(), 'UTC') - $1 * interval '1 hour'`,
    [hours],
  );

// Goal: what a grid says of a machine is what the machine said, and no other.
describe('a node that tells of its machine', () => {
  it('shows what it is and how it fares, and that it changed', async () => {
    await using world = await remoteWorld();
    await using living02 = await living(world);
    const { node, reports } = living02;

    reports.change({ ...hardware, memoryBytes: 64e9 });
    await waitFor('the other hardware, or a new connection', async () => {
      const now = await world.admin.call('nodes.get', { node: node.id });
      return now.hardware?.memoryBytes === 64e9;
    });
    const { events } = await world.admin.call('events.list', {
      after: '0',
      limit: 100,
      type: 'node.hardware-changed',
    });
    const list = await world.admin.call('nodes.list', {});

    expect(node).toMatchObject({ hardware, sample: { ...sample, at: expect.any(String) } });
    expect(events.map(({ object }) => object.id)).toEqual([node.id, node.id]);
    expect(list.nodes[0]).not.toHaveProperty('hardware');
  }, 30_000);

  it('is noted once the database takes it again', async () => {
    await using world = await remoteWorld();
    const { pool } = world.database;
    await pool.query(`create function away() returns trigger language plpgsql as $$ begin raise 'away'; end $$;
      create trigger away before update of hardware_info on nodes for each row execute function away()`);
    const reports = madeUpReports(hardware, sample);
    await using agent = await testAgent({ reports });
    await agent.join(await joinToken(world), 'node-02');
    await agent.run();
    await waitFor('it to be told in vain', () =>
      world.log.some((line) => line.includes('could not be noted')),
    );
    await pool.query('drop trigger away on nodes');

    const noted = await waitFor(
      'the hardware to be noted',
      async () => (await world.admin.call('nodes.get', { node: 'node-02' })).hardware,
    );

    expect(noted).toEqual(hardware);
    expect(agent.log.filter((line) => line.startsWith('not connected'))).toEqual([]);
  }, 30_000);

  it('tells nothing for a node that is another’s by now', async () => {
    await using world = await remoteWorld();
    await using living02 = await living(world);
    const { rows } = await world.database.pool.query('select session_id from node_agents');
    const machines = new MachineRepository(world.database.db);
    await living02.agent.stop();
    await world.database.pool.query('update node_agents set session_id = gen_random_uuid()');

    await machines.describe(rows[0].session_id, { memoryBytes: 1 });
    await machines.ail(rows[0].session_id, ['disk-full']);

    const after = await world.admin.call('nodes.get', { node: 'node-02' });
    expect(after).toMatchObject({ status: 'online', hardware });
  });
});

describe('a machine that falls ill', () => {
  it('makes its node degraded with the reason, also over a new connection, until it is well', async () => {
    await using world = await remoteWorld();
    await using living02 = await living(world);
    const machines = new MachineRepository(world.database.db);
    const session = async () => {
      const { rows } = await world.database.pool.query('select session_id from node_agents');
      return String(rows[0].session_id);
    };
    const node = () => world.admin.call('nodes.get', { node: 'node-02' });

    await machines.ail(await session(), ['disk-full']);
    const ill = await node();
    await living02.agent.stop();
    await living02.agent.run();
    await waitFor(
      'a second connection',
      async () => living02.agent.log.filter((line) => line.startsWith('connected')).length === 2,
    );
    const still = await node();
    await machines.ail(await session(), []);
    const well = await node();

    expect(ill).toMatchObject({
      status: 'degraded',
      statusReason: 'Its disk is 95 % full or more.',
    });
    expect([still.status, well.status]).toEqual(['degraded', 'online']);
    expect(well.statusReason).toBeUndefined();
  });

  it('is online again when it has stopped coming and going', async () => {
    await using world = await remoteWorld();
    await using living02 = await living(world);
    const machines = new MachineRepository(world.database.db);
    const { pool } = world.database;
    await pool.query(`update nodes set status = 'degraded', failure_reason = 'It comes and goes.'`);
    await pool.query('update node_agents set connects = array_fill(now(), array[5])');

    const restless = await machines.settle();
    await pool.query(
      `update node_agents set connects = array_fill(now() - interval '11 minutes', array[5])`,
    );
    const settled = await machines.settle();

    expect([restless, settled]).toEqual([0, 1]);
    expect(await world.admin.call('nodes.get', { node: living02.node.id })).toMatchObject({
      status: 'online',
    });
  });
});

describe('samples', () => {
  it('become means of minutes and hours, once, and are forgotten in time', async () => {
    await using world = await remoteWorld();
    await using living02 = await living(world);
    const { id } = living02.node;
    const store = new SampleRepository(world.database.db);
    const { pool } = world.database;
    // An hour: in each minute from 0 to 50 %, which makes 25.
    await past(world, id, { count: 360, everySeconds: 10, cpu: (n) => (n % 6) * 10 });
    // But for the first, of which one is left: what stands for less counts for less.
    await pool.query(
      `delete from node_samples where cpu_percent > 0 and at < date_trunc('hour', now(), 'UTC') - interval '59 minutes'`,
    );
    await rollUpFrom(world, 2);

    await store.rollUp();
    await store.rollUp();
    const minutes = await pool.query(
      `select count(*)::int as rows, min(cpu_percent) as least, max(cpu_percent) as most, min(samples) as samples
       from node_samples_minute where at < date_trunc('hour', now(), 'UTC')`,
    );
    const hours = await pool.query(
      `select cpu_percent, samples, disk_used, load1 from node_samples_hour where at = date_trunc('hour', now(), 'UTC') - interval '1 hour'`,
    );
    await store.prune({ raw: 1, minute: 1, hour: 400 * 86_400 });
    const left = await pool.query(
      `select (select count(*)::int from node_samples_minute) as minutes, (select count(*)::int from node_samples_hour) as hours,
        (select count(*)::int from node_samples where at < now() - interval '2 seconds') as raw`,
    );

    expect(minutes.rows).toEqual([{ rows: 60, least: 0, most: 25, samples: 1 }]);
    expect(hours.rows).toEqual([
      { cpu_percent: (59 * 6 * 25) / 355, samples: 355, disk_used: '10', load1: null },
    ]);
    expect(left.rows).toEqual([{ minutes: 0, hours: 1, raw: 0 }]);
  });

  it('are told as a history of bounded length, from what is rolled up and what is not yet', async () => {
    await using world = await remoteWorld();
    await using living02 = await living(world);
    const { id } = living02.node;
    const store = new SampleRepository(world.database.db);
    // What it says meanwhile would be in one history and not in the other.
    await living02.agent.stop();
    await past(world, id, { count: 360, everySeconds: 10, cpu: () => 40 });
    await rollUpFrom(world, 2);
    const ask = (sinceSeconds: number) =>
      world.admin.call('nodes.samples', { node: 'node-02', sinceSeconds });

    const before = await ask(86_400);
    await store.rollUp();
    const after = await ask(86_400);
    const year = await ask(400 * 86_400);
    const fine = await ask(7_200);
    await world.database.pool.query('delete from node_samples_hour');
    await world.database.pool.query(
      `update node_sample_rollups set until = until - interval '2 hours' where resolution = 'hour'`,
    );
    const byMinutes = await ask(400 * 86_400);

    expect([before.resolutionSeconds, year.resolutionSeconds, fine.resolutionSeconds]).toEqual([
      300, 86_400, 30,
    ]);
    // Rolled up or not, it is the same history.
    expect(after.points.slice(0, 12)).toEqual(before.points.slice(0, 12));
    expect(after.points.length).toBeGreaterThanOrEqual(12);
    expect(year.points.length).toBeLessThanOrEqual(3);
    expect(byMinutes.points).toEqual(year.points);
    expect(fine.points.length).toBeLessThanOrEqual(500);
    expect(fine.points.at(-1)).toMatchObject({ cpuPercent: 12.5, memoryUsedBytes: 8e9 });
    expect(after.points[0]).toMatchObject({ cpuPercent: 40, diskUsedBytes: 10 });
  });

  it('of a node that is deleted go with it', async () => {
    await using world = await remoteWorld();
    await using living02 = await living(world);
    const store = new SampleRepository(world.database.db);
    await past(world, living02.node.id, { count: 360, everySeconds: 10, cpu: () => 1 });
    await rollUpFrom(world, 2);
    await store.rollUp();

    await world.admin.call('nodes.delete', { node: 'node-02' });
    await rollUpFrom(world, 2);
    await store.rollUp();

    const { rows } = await world.database.pool.query(
      'select (select count(*)::int from node_samples_minute) + (select count(*)::int from node_samples_hour) as kept',
    );
    expect(rows).toEqual([{ kept: 0 }]);
  });
});
