import { describe, expect, it } from 'vitest';

import { containerGrid, containersOf, shell } from '../../support/container-grid.js';
import { startDocker } from '../../support/engines.js';
import { missing } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';

const IMAGE = 'local/box:1';
const isSkipped = missing('root', 'docker');

// Goal: whatever dies in the middle of a change, the change comes to its end, and once.
describe('a change in the middle of which something dies', () => {
  it.skipIf(isSkipped)(
    'comes to its end when the daemon is killed',
    async () => {
      await using engine = await startDocker();
      await engine.importBusybox(IMAGE);
      await using grid = await containerGrid([engine]);
      const { cli, daemon } = grid;
      const deployed = await cli(
        'container',
        'deploy',
        '--name',
        'web',
        '--image',
        IMAGE,
        '--replicas',
        '3',
        '--no-wait',
        ...shell('exec sleep 1000'),
      );
      expect(deployed.status, deployed.stderr).toBe(0);

      await daemon.crash();
      await daemon.restart();

      await waitFor(
        'all to run',
        async () => (await grid.container('web')).status === 'running',
        45_000,
      );
      expect(await containersOf(engine)).toHaveLength(3);
    },
    90_000,
  );

  it.skipIf(isSkipped)(
    'comes to its end when the agent is replaced in a trial',
    async () => {
      await using engine = await startDocker();
      await engine.importBusybox(IMAGE);
      await using grid = await containerGrid([engine]);
      const { cli } = grid;
      const [node] = grid.nodes;
      const deployed = await cli(
        'container',
        'deploy',
        '--name',
        'web',
        '--image',
        IMAGE,
        '--wait',
        '--json',
        ...shell('exec sleep 1000'),
      );
      expect(deployed.status, deployed.stdout).toBe(0);
      const before = await containersOf(engine);
      await cli('container', 'update', 'web', '--env', 'NEW=1', '--no-wait');
      // The new one has to stay up for five seconds: it is on trial, and the old one runs beside it.
      await waitFor('both to be there', async () => (await containersOf(engine)).length === 2);

      await node?.kill();
      node?.start();

      await waitFor(
        'the new one to run',
        async () => {
          const { status, revision, instances } = await grid.container('web');
          return status === 'running' && revision === 2 && instances[0]?.revision === 2;
        },
        45_000,
      );
      await waitFor('the old one to go', async () => (await containersOf(engine)).length === 1);
      expect(await containersOf(engine)).not.toEqual(before);
    },
    90_000,
  );

  it.skipIf(isSkipped)(
    'leaves nothing behind when its machine leaves the grid without an agent that runs',
    async () => {
      await using engine = await startDocker();
      await engine.importBusybox(IMAGE);
      await using grid = await containerGrid([engine]);
      const [node] = grid.nodes;
      const deploy = ['container', 'deploy', '--name', 'web', '--image', IMAGE, '--wait'];
      const deployed = await grid.cli(...deploy, ...shell('exec sleep 1000'));
      expect(deployed.status, deployed.stderr).toBe(0);
      await node?.kill();

      const leave = ['agent', 'leave', '--yes', '--state-dir', node?.stateDir ?? ''];
      const left = await grid.cli(...leave, '--engine', `unix://${engine.socketPath}`);

      expect(left.status, left.stderr).toBe(0);
      expect(await containersOf(engine)).toEqual([]);
    },
    90_000,
  );
});
