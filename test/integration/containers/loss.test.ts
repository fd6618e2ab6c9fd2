import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import type { SyntropyClient } from '../../../src/client/client.js';

import { toContainer, toDetails } from '../../../src/core/services/container/container-status.js';
import { requireSecretsFit } from '../../../src/core/services/container/defaults.js';
import { LeaseService } from '../../../src/core/services/container/lease.service.js';
import { ContainerRepository } from '../../../src/core/storage/postgres/container.repository.js';
import { LeaseRepository } from '../../../src/core/storage/postgres/lease.repository.js';
import { type RemoteWorld, remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';
import { silence, worker } from '../../support/worker.js';

const get = (admin: SyntropyClient, container = 'web') =>
  admin.call('containers.get', { container });

const reaches = (admin: SyntropyClient, status: string, container = 'web') =>
  waitFor(
    `the container to be ${status}`,
    async () => {
      const found = await get(admin, container);
      return found.status === status ? found : undefined;
    },
    30_000,
  );

/** What the daemon that leads does every few seconds, done now. */
async function lookAfter({ database }: RemoteWorld): Promise<number> {
  const store = new ContainerRepository(database.db, {
    secretsFit: requireSecretsFit,
    details: toDetails,
    summary: ({ container, leases, revisions }) => toContainer(container, leases, revisions),
  });
  const troubles: unknown[] = [];
  const service = new LeaseService({
    store,
    leases: new LeaseRepository(database.db),
    secrets: { values: async () => new Map() },
    newId: randomUUID,
    now: () => new Date(),
    onTrouble: (error) => troubles.push(error),
  });
  const count = await service.tend();
  expect(troubles).toEqual([]);
  return count;
}

const deployed = async (world: RemoteWorld, rest: object = {}) => {
  const made = await world.admin.call('containers.deploy', {
    name: 'web',
    image: 'app:1',
    payFrom: 'node-01',
    lostAfterSeconds: 60,
    ...rest,
  });
  await reaches(world.admin, 'running');
  return made;
};

// Goal: a node that goes takes nothing with it that can run elsewhere, and nothing runs twice unseen.
describe('a container whose node falls silent', () => {
  it('is unknown, then runs elsewhere, and not on the node that comes back', async () => {
    await using world = await remoteWorld();
    await using one = await worker(world, 'node-01');
    await using two = await worker(world, 'node-02', { labels: { spare: 'yes' } });
    await world.admin.call('nodes.drain', { node: 'node-02' });
    const { id } = await deployed(world);
    await world.admin.call('nodes.undrain', { node: 'node-02' });
    const [lease] = [...one.held.keys()];

    await one.disconnect();
    await silence(world, one, 40);
    await lookAfter(world);
    const unknown = await get(world.admin);
    await silence(world, one, 90);
    await lookAfter(world);
    const again = await reaches(world.admin, 'running');
    await one.connect();
    await waitFor('the node to let go', () => one.held.size === 0);

    expect(unknown).toMatchObject({
      status: 'unknown',
      statusReason: 'Nothing is heard of "node-01".',
      instances: [{ phase: 'unknown', node: { name: 'node-01' } }],
    });
    expect(again).toMatchObject({ id, nodes: [{ name: 'node-02' }], replicasRunning: 1 });
    expect(two.held.size).toBe(1);
    const { events } = await world.admin.call('events.list', { after: '0', limit: 500 });
    expect(events.filter(({ type }) => type === 'container.replica-lost')).toMatchObject([
      { object: { id }, payload: { lease, node: 'node-01', waits: false } },
    ]);
    expect((await get(world.admin)).nodes).toMatchObject([{ name: 'node-02' }]);
  });

  it('waits for it when its volume is there, and goes on when it comes back', async () => {
    await using world = await remoteWorld();
    await using one = await worker(world, 'node-01');
    await using two = await worker(world, 'node-02');
    const volumes = [{ source: 'data', target: '/data', readOnly: false }];
    await deployed(world, { volumes, node: 'node-01' });

    await one.disconnect();
    await silence(world, one, 90);
    await lookAfter(world);
    const lost = await get(world.admin);
    await lookAfter(world);
    await one.connect();
    const back = await reaches(world.admin, 'running');

    expect(lost).toMatchObject({
      status: 'lost',
      statusReason: 'Its volume is on "node-01", which it waits for.',
      instances: [{ phase: 'lost' }],
    });
    expect(two.held.size).toBe(0);
    expect(back.instances).toMatchObject([{ node: { name: 'node-01' }, generation: 1 }]);
    expect(one.held.size).toBe(1);
  });

  it('is pending while nothing has room, until something has', async () => {
    await using world = await remoteWorld();
    await using one = await worker(world, 'node-01');
    await deployed(world);
    await one.disconnect();
    await silence(world, one, 90);

    await lookAfter(world);
    const pending = await get(world.admin);
    await using two = await worker(world, 'node-02');
    // By the daemon that leads, of itself.
    const again = await reaches(world.admin, 'running');

    expect(pending).toMatchObject({
      status: 'pending',
      statusReason: expect.stringContaining('"node-01" is not connected'),
      instances: [],
    });
    expect(again.nodes).toMatchObject([{ name: two.name }]);
  });

  it('is removed when its node is gone for good, and its name is free at once', async () => {
    await using world = await remoteWorld();
    await using one = await worker(world, 'node-01');
    const { id } = await deployed(world);
    await one.disconnect();
    await silence(world, one, 40);

    await world.admin.call('containers.remove', { container: 'web' });
    await lookAfter(world);
    const removing = await get(world.admin, id);
    await world.admin.call('nodes.delete', { node: 'node-01', force: true });
    await lookAfter(world);
    const removed = await get(world.admin, id);

    expect(removing).toMatchObject({
      status: 'removing',
      statusReason: 'Nothing is heard of "node-01".',
    });
    expect(removed.status).toBe('removed');
    expect(await lookAfter(world)).toBe(0);
  });

  it('is placed anew when its node is deleted, also where its volume went with it', async () => {
    await using world = await remoteWorld();
    await using one = await worker(world, 'node-01');
    await using two = await worker(world, 'node-02');
    const volumes = [{ source: 'data', target: '/data', readOnly: false }];
    await deployed(world, { volumes, selector: {}, payFrom: 'node-02' });
    expect(one.held.size).toBe(1);

    const { outcome } = await world.admin.call('nodes.delete', { node: 'node-01', force: true });
    await lookAfter(world);
    await waitFor('the other node to run it', () => two.held.size === 1);

    expect(outcome).toBe('retired');
    const { events } = await world.admin.call('events.list', { after: '0', limit: 500 });
    expect(events.filter(({ type }) => type === 'container.replica-lost')).toMatchObject([
      { payload: { node: 'node-01', reason: 'its node was deleted' } },
    ]);
    await reaches(world.admin, 'running');
  });

  it('is said when the node that pays for it is to be deleted, which goes with --force only', async () => {
    await using world = await remoteWorld();
    await using one = await worker(world, 'node-01');
    await using two = await worker(world, 'node-02');
    await world.admin.call('nodes.drain', { node: 'node-01' });
    await deployed(world);

    const refused = await world.admin
      .call('nodes.delete', { node: 'node-01' })
      .then(undefined, (error: unknown) => error);
    const still = await world.admin.call('nodes.get', { node: 'node-01' });
    await world.admin.call('nodes.delete', { node: 'node-01', force: true });

    expect(refused).toMatchObject({
      code: 'NODE_PAYS',
      message: 'Containers are paid from "node-01": web.',
    });
    // It was not told to go either.
    expect([still.status, one.told.some(isDismissal)]).toEqual(['online', false]);
    expect(await get(world.admin)).toMatchObject({ status: 'running', payFrom: { id: one.id } });
    expect(two.held.size).toBe(1);
  });

  it('keeps its place on a node that is drained, which gets nothing new', async () => {
    await using world = await remoteWorld();
    await using one = await worker(world, 'node-01');
    await deployed(world);

    await world.admin.call('nodes.drain', { node: 'node-01' });
    await lookAfter(world);

    expect(one.held.size).toBe(1);
    await expect(
      world.admin.call('containers.scale', { container: 'web', replicas: 2 }),
    ).rejects.toMatchObject({ code: 'NO_PLACE' });
    await reaches(world.admin, 'running');
  });
});

function isDismissal(frame: unknown): boolean {
  return JSON.stringify(frame).includes('dismissed');
}
