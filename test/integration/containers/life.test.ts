import { describe, expect, it } from 'vitest';

import type { SyntropyClient } from '../../../src/client/client.js';

import { remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';
import { worker } from '../../support/worker.js';

const get = (admin: SyntropyClient, container = 'web') =>
  admin.call('containers.get', { container });

const reaches = (admin: SyntropyClient, status: string, container = 'web') =>
  waitFor(`the container to be ${status}`, async () => {
    const found = await get(admin, container);
    return found.status === status ? found : undefined;
  });

// Goal: what is asked for is told to the node, and what the node says of it is what everybody sees.
describe('a container', () => {
  it('is deployed, runs, is stopped, started, restarted and removed', async () => {
    await using world = await remoteWorld();
    await using node = await worker(world, 'node-01');
    const { admin } = world;

    const made = await admin.call('containers.deploy', {
      name: 'web',
      image: 'nginx:1.27',
      node: 'node-01',
      payFrom: 'node-01',
      ports: [{ host: 8_080, container: 80, protocol: 'tcp' }],
    });
    expect(made).toMatchObject({
      status: 'deploying',
      replicas: 1,
      replicasRunning: 0,
      spec: {
        cpuMillis: 500,
        memoryBytes: 256 * 2 ** 20,
        restart: 'unless-stopped',
        stopSeconds: 10,
        confinement: { capAdd: [], writableRoot: false, pidsLimit: 256 },
      },
      instances: [{ phase: 'assigned', generation: 1, observedGeneration: 0 }],
    });
    const running = await reaches(admin, 'running');
    expect(running).toMatchObject({
      replicasRunning: 1,
      instances: [{ phase: 'running', observedGeneration: 1, node: { name: 'node-01' } }],
    });
    expect(node.assigned[0]).toMatchObject({
      container: { id: made.id, name: 'web' },
      replica: 1,
      desired: 'running',
      restart: 0,
      specHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });

    await admin.call('containers.stop', { container: 'web' });
    await reaches(admin, 'stopped');
    await admin.call('containers.start', { container: 'web' });
    await reaches(admin, 'running');
    await admin.call('containers.restart', { container: 'web' });
    await waitFor('the restart to be told', () => node.assigned.at(-1)?.restart === 1);
    await reaches(admin, 'running');
    expect(node.assigned.map(({ desired, generation }) => [desired, generation])).toEqual([
      ['running', 1],
      ['stopped', 2],
      ['running', 3],
      ['running', 4],
    ]);

    const gone = await admin.call('containers.remove', { container: 'web' });
    expect(gone).toMatchObject({ desired: 'removed', formerName: 'web' });
    await reaches(admin, 'removed', made.id);
    expect(node.held.size).toBe(0);
    await expect(get(admin)).rejects.toMatchObject({ code: 'CONTAINER_NOT_FOUND' });
    const { containers } = await admin.call('containers.list', {});
    expect(containers).toEqual([]);
    const all = await admin.call('containers.list', { removed: true });
    expect(all.containers).toMatchObject([{ id: made.id, status: 'removed' }]);
  });
});
