import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { ADMIN_NAME } from '../../../src/core/types/constants/admin.js';
import { assignment } from '../../support/assignments.js';
import { type RemoteWorld, remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';
import { worker } from '../../support/worker.js';
import { workNode } from '../../support/work-node.js';

const volumes = [{ source: 'data', target: '/data', readOnly: false }];
const request = { name: 'web', image: 'app:1', volumes, payFrom: 'node-01' };
const fails = () => ({ phase: 'failed', code: 'CONTAINER_FAILED', reason: 'no' }) as const;

type Node = Awaited<ReturnType<typeof worker>>;

/** Deploys it, and answers what its node is told of the container. */
async function deployed({ admin }: RemoteWorld, node: Node, rest: object = {}) {
  const { id } = await admin.call('containers.deploy', { ...request, ...rest });
  return assignedTo(node, id);
}

async function assignedTo(node: Node, id: string) {
  const found = () => node.assigned.find(({ container }) => container.id === id);
  const { container } = await waitFor('the assignment', found);
  return container;
}

async function removed({ admin }: RemoteWorld, node: Node, volumesToo = false) {
  await admin.call('containers.remove', { container: 'web', volumes: volumesToo });
  await waitFor('it to be gone', () => node.held.size === 0);
}

/** Whose volumes a node was told to drop. */
const dropped = (node: Node) => node.works.flatMap(({ dropVolumes = [] }) => dropVolumes);

// Goal: what a container has written outlives it, is found again by whom it belongs to, and by nobody else.
describe('a volume', () => {
  it('is found again by the next container of that name and owner', async () => {
    await using world = await remoteWorld();
    await using node = await worker(world, 'node-01');

    const first = await deployed(world, node);
    await removed(world, node);
    const second = await deployed(world, node);
    await removed(world, node);
    const third = await deployed(world, node, { image: 'app:2' });
    const other = await deployed(world, node, { name: 'web2' });

    expect([first.volumesOf, other.volumesOf]).toEqual([undefined, undefined]);
    expect([second.volumesOf, third.volumesOf]).toEqual([first.id, first.id]);
    const { volumesOf } = await world.admin.call('containers.get', { container: 'web' });
    expect(volumesOf).toBe(first.id);
  });

  it('is not found by another member, whatever the name', async () => {
    await using world = await remoteWorld();
    await using node = await worker(world, 'node-01');
    await using own = await worker(world, 'node-02');
    const ana = await world.signedIn('ana', { roles: ['admin'] });
    await world.admin.call('nodes.update', { node: own.name, owner: 'ana' });

    await deployed(world, node, { node: node.name });
    await removed(world, node);
    const { body } = await world.ask('POST', '/v1/containers', {
      token: ana.accessToken,
      body: { ...request, node: node.name, payFrom: own.name },
    });
    const hers = await assignedTo(node, String(body.id));

    expect(hers.volumesOf).toBeUndefined();
  });

  it('goes on with its container when that goes to an heir', async () => {
    await using world = await remoteWorld();
    await using node = await worker(world, 'node-01');
    const ana = await world.signedIn('ana', { roles: ['admin'] });
    await world.admin.call('nodes.update', { node: node.name, owner: 'ana' });
    const { body } = await world.ask('POST', '/v1/containers', {
      token: ana.accessToken,
      body: request,
    });
    const id = String(body.id);
    await assignedTo(node, id);

    await world.admin.call('members.delete', { member: 'ana', transferTo: ADMIN_NAME });
    await world.admin.call('containers.update', { container: 'web', image: 'app:2' });
    await waitFor('the update', () => node.assigned.some(({ spec }) => spec.image === 'app:2'));

    const changed = node.assigned.at(-1)?.container;
    await removed(world, node);
    const next = await deployed(world, node);

    expect(changed).toEqual({ id, name: 'web' });
    expect(next.volumesOf).toBe(id);
  });

  it('that a first deployment made goes with it when that fails, time after time', async () => {
    await using world = await remoteWorld();
    await using node = await worker(world, 'node-01');
    node.behave(fails);

    const first = await deployed(world, node);
    await waitFor('the first to be dropped', () => dropped(node).includes(first.id));
    await waitFor('it to be gone', () => node.held.size === 0);
    const second = await deployed(world, node);
    await waitFor('the second to be dropped', () => dropped(node).includes(second.id));

    expect(second.volumesOf).toBeUndefined();
  });

  it('that was there before stays when a deployment fails, but not when it was to go', async () => {
    await using world = await remoteWorld();
    await using node = await worker(world, 'node-01');
    const first = await deployed(world, node);
    await removed(world, node);

    node.behave(fails);
    const second = await deployed(world, node);
    await waitFor('it to have failed', () => node.held.size === 0);
    node.behave(() => ({ phase: 'running' }));
    const third = await deployed(world, node);
    await removed(world, node, true);
    const fourth = await deployed(world, node);

    expect([second.volumesOf, third.volumesOf]).toEqual([first.id, first.id]);
    expect(dropped(node)).toContain(third.id);
    expect(dropped(node)).not.toContain(second.id);
    // The first one's is not there any more: nobody finds by accident what somebody wanted gone.
    expect(fourth.volumesOf).not.toBe(third.id);
  });

  it('stays when a deployment fails of which a part runs, for that may have written to it', async () => {
    await using world = await remoteWorld();
    await using node = await worker(world, 'node-01');
    node.behave(({ replica }) => (replica === 1 ? { phase: 'running' } : undefined));
    const { id } = await world.admin.call('containers.deploy', { ...request, replicas: 2 });
    await waitFor('one of them to run', async () => {
      const { replicasRunning } = await world.admin.call('containers.get', { container: id });
      return replicasRunning === 1;
    });

    for (const one of node.held.values()) {
      if (one.replica === 2) node.report([node.said(one, fails())]);
    }
    await waitFor('it to have failed', () => node.held.size === 0);

    expect(dropped(node)).not.toContain(id);
  });
});

// Goal: two programs never have the same files at once.
describe('a container that takes up a volume', () => {
  it.each([
    ['stops', 'stop', []],
    ['is gone, and its volume goes', 'removeVolume', ['old']],
  ] as const)(
    'waits while the one that had it %s, and holds up no other',
    async (_, step, drop) => {
      await using node = await workNode();
      await node.start();
      node.connect();
      const { runtime } = node;
      const old = assignment({ volumes }, { name: 'db' });
      node.assign([old]);
      await node.phase(old.lease, 'running');
      const under = Promise.withResolvers<void>();
      const go = Promise.withResolvers<void>();
      runtime.before = async (call) => {
        if (call !== step) return;
        under.resolve();
        await go.promise;
      };

      const container = { id: randomUUID(), name: 'db', volumesOf: old.container.id };
      const next = assignment({ volumes, image: 'registry.test/app:2' }, { container });
      const other = assignment({ volumes }, { name: 'other' });
      node.assign(
        [next, other],
        drop.map(() => old.container.id),
      );
      await under.promise;
      await node.phase(other.lease, 'running');
      const meanwhile = runtime.all().map(({ spec }) => spec.labels.lease);
      go.resolve();
      await node.phase(next.lease, 'running');

      expect(meanwhile).not.toContain(next.lease);
      const names = [old, other].map((one) => `syntropy-${one.container.id}-data`);
      expect(runtime.volumes().toSorted()).toEqual(names.toSorted());
      const gone = runtime.journal.filter((line) => line.startsWith('remove-volume'));
      expect(gone).toEqual(drop.map(() => `remove-volume ${names[0]}`));
    },
  );
});
