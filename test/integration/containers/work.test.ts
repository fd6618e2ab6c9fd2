import { describe, expect, it } from 'vitest';

import { remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';
import { worker } from '../../support/worker.js';

const MIB = 2 ** 20;

const record = (lease: string, seq: number, rest: object = {}) => ({
  lease,
  bootId: 'boot-1',
  seq,
  from: new Date(Date.UTC(2026, 0, 1, 0, seq)).toISOString(),
  to: new Date(Date.UTC(2026, 0, 1, 0, seq + 1)).toISOString(),
  cpuMicros: 2_000_000,
  memoryMibSeconds: 60.5,
  rxBytes: 10,
  txBytes: 20,
  ...rest,
});

// Goal: a node is told its own work, by any daemon, and what it says counts for itself only.
describe('the work of a node', () => {
  it('is told over another daemon, and after each welcome', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const [first, second] = world.replicas;
    if (!first || !second) throw new TypeError('There are two.');
    await using node = await worker(world, 'node-01', { replica: second });

    await first.admin.call('containers.deploy', {
      name: 'web',
      image: 'app:1',
      payFrom: 'node-01',
    });
    await waitFor('the container to run', async () => {
      const { status } = await first.admin.call('containers.get', { container: 'web' });
      return status === 'running';
    });
    const before = node.works.length;
    await node.disconnect();
    await node.connect(first);
    await waitFor('the work', () => node.works.length > before);

    expect(node.works.at(-1)).toMatchObject({
      leases: [{ lease: [...node.held.keys()][0], generation: 1 }],
    });
    // It held all of it, and was given nothing once more.
    expect(node.assigned).toHaveLength(1);
  });

  it('is not that of another node: what is not its own it neither gets nor changes', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using one = await worker(world, 'node-01');
    await using two = await worker(world, 'node-02');
    await admin.call('secrets.set', {
      name: 'key',
      base64: Buffer.from('hidden').toString('base64'),
    });
    await admin.call('containers.deploy', {
      name: 'web',
      image: 'app:1',
      node: 'node-01',
      payFrom: 'node-01',
      secrets: [{ name: 'key' }],
    });
    const assignment = await waitFor('the assignment', () => one.assigned[0]);
    await waitFor('the container to run', async () => {
      const { status } = await admin.call('containers.get', { container: 'web' });
      return status === 'running';
    });
    const { lease } = assignment;

    two.send({ need: { leases: [lease] } });
    two.report([two.said(assignment, { phase: 'failed', code: 'CONTAINER_FAILED' })]);
    two.usage(1, [record(lease, 1)]);
    await waitFor('the usage to be answered', () => two.noted.includes(1));
    // What comes after it has been looked at too.
    await admin.call('containers.deploy', {
      name: 'own',
      image: 'app:1',
      node: 'node-02',
      payFrom: 'node-02',
    });
    await waitFor('the own assignment', () => two.assigned.length > 0);

    expect(two.assigned.map(({ container }) => container.name)).toEqual(['own']);
    expect(JSON.stringify(two.told)).not.toContain(Buffer.from('hidden').toString('base64'));
    expect(await admin.call('containers.get', { container: 'web' })).toMatchObject({
      status: 'running',
      instances: [{ phase: 'running' }],
    });
    const { usage } = await admin.call('containers.usage', { container: 'web' });
    expect(usage).toEqual([]);
  });

  it('is not reported with what no database keeps: that ends the connection, and nothing else', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using node = await worker(world, 'node-01');
    await admin.call('containers.deploy', { name: 'web', image: 'app:1', payFrom: 'node-01' });
    const assignment = await waitFor('the assignment', () => node.assigned[0]);

    node.report([node.said(assignment, { code: 'CONTAINER_FAILED', lastWords: 'a\0b' })]);

    expect(await node.closed()).toMatchObject({ reason: 'bad_frame' });
    await node.connect();
    node.report([node.said(assignment, { phase: 'unhealthy', lastWords: 'tab\tand\nline' })]);
    await waitFor('what it says next', async () => {
      const { instances } = await admin.call('containers.get', { container: 'web' });
      return instances[0]?.lastWords === 'tab\tand\nline';
    });
  });

  it('is told with what volumes go with it', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using node = await worker(world, 'node-01');
    const { id } = await admin.call('containers.deploy', {
      name: 'web',
      image: 'app:1',
      payFrom: 'node-01',
      volumes: [{ source: 'data', target: '/data', readOnly: false }],
    });
    await waitFor('the container to be there', () => node.held.size === 1);

    await admin.call('containers.remove', { container: 'web', volumes: true });
    await waitFor('it to be gone', () => node.held.size === 0);

    expect(node.works.some(({ dropVolumes }) => dropVolumes?.includes(id))).toBe(true);
  });

  it('frees its room only when the node says that it has ended', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using node = await worker(world, 'node-01', { offer: { memoryBytes: 256 * MIB } });
    const ports = [{ host: 8_080, container: 80, protocol: 'tcp' as const }];
    const request = { image: 'app:1', payFrom: 'node-01', ports };
    await admin.call('containers.deploy', { name: 'one', ...request });
    await waitFor('it to be there', () => node.held.size === 1);
    const [held] = [...node.held.values()];
    if (!held) throw new TypeError('It is there.');
    // It takes its time to end.
    node.held.clear();

    await admin.call('containers.remove', { container: 'one' });
    await expect(
      admin.call('containers.deploy', { name: 'two', ...request }),
    ).rejects.toMatchObject({ code: 'NO_PLACE' });
    node.report([node.said(held, { phase: 'ended', ports: [] })]);

    await waitFor('room', () =>
      admin.call('containers.deploy', { name: 'two', ...request }).then(
        () => true,
        () => false,
      ),
    );
  });

  it('says more than the contract allows, and is cut off', async () => {
    await using world = await remoteWorld();
    await using node = await worker(world, 'node-01');

    node.send({ workReport: { generation: 1, leases: [], more: true } });

    expect(await node.closed()).toMatchObject({ code: 1008, reason: 'bad_frame' });
  });

  it('tells which engine a node has, and what is wrong when it has none', async () => {
    await using world = await remoteWorld();
    await using node = await worker(world, 'node-01');
    const engineOf = async () => (await world.admin.call('nodes.get', { node: 'node-01' })).agent;

    expect(await engineOf()).toMatchObject({ engine: { kind: 'docker', version: '20.10.24' } });
    node.setEngine(null);
    await waitFor('the engine to be gone', async () => (await engineOf())?.engine === undefined);

    const { nodes } = await world.admin.call('nodes.health', { node: 'node-01' });
    expect(nodes[0]?.findings).toMatchObject([{ code: 'engine-missing', severity: 'warning' }]);
    const { nodes: listed } = await world.admin.call('nodes.list', {});
    expect(listed[0]?.agent).toMatchObject({ engineProblem: 'There is no engine.' });
  });
});

// Goal: what was used is counted once.
describe('usage', () => {
  it('is kept once however often it is told, and added up by lease', async () => {
    await using world = await remoteWorld();
    await using node = await worker(world, 'node-01');
    await world.admin.call('containers.deploy', {
      name: 'web',
      image: 'app:1',
      payFrom: 'node-01',
    });
    const { lease } = await waitFor('the assignment', () => node.assigned[0]);

    node.usage(7, [record(lease, 1), record(lease, 2)]);
    await waitFor('it to be noted', () => node.noted.includes(7));
    node.usage(8, [record(lease, 2, { cpuMicros: 9_000_000 }), record(lease, 3)]);
    await waitFor('it to be noted', () => node.noted.includes(8));

    const { usage } = await world.admin.call('containers.usage', { container: 'web' });
    expect(usage).toEqual([
      {
        lease,
        replica: 1,
        node: { id: node.id, name: 'node-01' },
        from: '2026-01-01T00:01:00.000Z',
        to: '2026-01-01T00:04:00.000Z',
        cpuSeconds: 6,
        memoryMibSeconds: 181.5,
        rxBytes: 30,
        txBytes: 60,
        wallSeconds: 180,
      },
    ]);
  });

  it('is told again until it could be noted, as is what happened', async () => {
    await using world = await remoteWorld();
    const { pool } = world.database;
    await using node = await worker(world, 'node-01');
    await world.admin.call('containers.deploy', {
      name: 'web',
      image: 'app:1',
      payFrom: 'node-01',
    });
    const { lease } = await waitFor('the assignment', () => node.assigned[0]);
    await pool.query('alter table usage_records rename to away');
    await pool.query('alter table container_leases rename to away_too');

    node.usage(1, [record(lease, 1)]);
    node.behave(() => ({ phase: 'unhealthy' }));
    await waitFor('the failures', () =>
      ['noting usage failed', 'noting work failed'].every((text) =>
        world.log.some((line) => line.includes(text)),
      ),
    );
    expect(node.noted).toEqual([]);
    await pool.query('alter table away_too rename to container_leases');
    await pool.query('alter table away rename to usage_records');
    node.beat(1);

    await waitFor('the usage to be noted', () => node.noted.includes(1));
    await waitFor('the phase to be noted', async () => {
      const { instances } = await world.admin.call('containers.get', { container: 'web' });
      return instances[0]?.phase === 'unhealthy';
    });
  });
});
