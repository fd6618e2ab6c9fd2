import { describe, expect, it } from 'vitest';

import type { ContainerState } from '../../../src/core/services/container/container.ports.js';
import type { RemoteWorld } from '../../support/remote-world.js';

import { toContainer, toDetails } from '../../../src/core/services/container/container-status.js';
import { requireSecretsFit } from '../../../src/core/services/container/defaults.js';
import { ContainerRepository } from '../../../src/core/storage/postgres/container.repository.js';
import { remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';
import { worker } from '../../support/worker.js';

const NODES = ['node-01', 'node-02', 'node-03', 'node-04', 'node-05', 'node-06'];
const CONTAINERS = 8;

/** Containers with a replica on each of the nodes, and what changes them as reports of nodes do. */
async function busyGrid() {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(
    await remoteWorld({ config: { 'limits.perSubjectPerMinute': '1000000' } }),
  );
  for (const name of NODES) stack.use(await worker(world, name));
  const ids: string[] = [];
  for (let n = 0; n < CONTAINERS; n += 1) {
    const { id } = await world.admin.call('containers.deploy', {
      name: `web-${n}`,
      image: 'app:1',
      replicas: NODES.length,
      payFrom: 'node-06',
      cpuMillis: 100,
    });
    ids.push(id);
  }
  await waitFor('all to run', async () => {
    const { containers } = await world.admin.call('containers.list', {});
    return containers.every(({ status }) => status === 'running');
  });
  const kept = stack.move();
  return { world, ids, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

const touched = (state: ContainerState): ContainerState => ({
  ...state,
  container: { ...state.container, updatedAt: new Date() },
  events: [{ type: 'container.updated', payload: { changed: [] } }],
});

/** Until it is stopped, changes each of them over and over, and keeps what that failed with. */
function hammer({ database }: RemoteWorld, ids: readonly string[]) {
  const store = new ContainerRepository(database.db, {
    secretsFit: requireSecretsFit,
    details: toDetails,
    summary: ({ container, leases, revisions }) => toContainer(container, leases, revisions),
  });
  const stopping = new AbortController();
  const failures: unknown[] = [];
  let changes = 0;
  const one = async (id: string) => {
    while (!stopping.signal.aborted) {
      await store.alter(id, touched).catch((error: unknown) => failures.push(error));
      changes += 1;
    }
  };
  const all = Promise.all(ids.map(one));
  return {
    failures,
    changes: () => changes,
    stop: async () => {
      stopping.abort();
      await all;
    },
  };
}

// Goal: whoever takes containers and nodes takes them in one order, so that nobody waits for one who waits for him.
describe('containers that are changed at the same time', () => {
  it('and their nodes deleted, wait for each other in turn', async () => {
    await using grid = await busyGrid();
    const { world, ids } = grid;
    const hammering = hammer(world, ids);
    const gone = NODES.slice(0, -1);

    const deleted = await Promise.allSettled(
      gone.map((node) => world.admin.call('nodes.delete', { node, force: true })),
    );
    await hammering.stop();

    expect(deleted.map(({ status }) => status)).toEqual(gone.map(() => 'fulfilled'));
    expect(hammering.failures).toEqual([]);
    expect(hammering.changes()).toBeGreaterThan(CONTAINERS);
  }, 60_000);

  it('and their owner removed, wait for each other in turn', async () => {
    await using grid = await busyGrid();
    const { world, ids } = grid;
    const ana = await world.signedIn('ana');
    await world.signedIn('ben');
    for (const node of NODES) await world.admin.call('nodes.update', { node, owner: 'ana' });
    await world.database.pool.query('update containers set owner_id = $1, node_id = null', [
      ana.id,
    ]);
    const hammering = hammer(world, ids);

    const removed = await world.admin
      .call('members.delete', { member: 'ana', transferTo: 'ben' })
      .finally(() => hammering.stop());

    expect(removed.transferredNodes).toBe(NODES.length);
    expect(hammering.failures).toEqual([]);
  }, 60_000);
});
