import { describe, expect, it } from 'vitest';

import { documentOf } from '../../support/cli.js';
import { containerGrid } from '../../support/container-grid.js';
import { startDocker, startPodman, type TestEngine } from '../../support/engines.js';
import { missing } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';

const IMAGE = 'local/web:1';
/** A web server that says which one it is, and that it was started. */
const serve = (word: string) => [
  '--command',
  '/bin/sh',
  '--arg',
  '-c',
  '--arg',
  `echo ${word} > /tmp/index.html; echo serving ${word}; exec httpd -f -p 8080 -h /tmp`,
];
const waiting = ['--wait', '--timeout', '60s', '--json'];

const engines = [
  { name: 'docker', needs: 'docker', open: startDocker },
  { name: 'podman', needs: 'podman', open: startPodman },
] as const;

// Goal: the whole life of a container on a real engine, by the commands that people type.
describe.each(engines)('a container on $name', ({ needs, open }) => {
  it.skipIf(missing('root', needs))(
    'is deployed, reached, read, entered, stopped, started, updated, rolled back and removed',
    async () => {
      await using engine = await open();
      await engine.importBusybox(IMAGE);
      await using grid = await containerGrid([engine]);
      const { cli } = grid;
      const served = () => fetched(engine);

      const deployed = await cli(
        'container',
        'deploy',
        '--image',
        IMAGE,
        '--name',
        'web',
        '--node',
        'node-01',
        '--publish',
        '8088:8080',
        '--pull',
        'never',
        '--stop-timeout',
        '1s',
        ...serve('one'),
        ...waiting,
      );
      expect(deployed.status, deployed.stdout).toBe(0);
      expect(documentOf(deployed)).toMatchObject({
        schemaVersion: 1,
        container: { name: 'web', status: 'running', nodes: [{ name: 'node-01' }] },
      });
      await waitFor('the web server', async () => (await served()) === 'one');

      const logs = await cli('container', 'logs', 'web');
      expect(logs).toMatchObject({ status: 0, stdout: 'serving one\n' });

      const entered = await cli('container', 'exec', 'web', '--', '/bin/sh', '-c', 'id -u; exit 7');
      expect(entered).toMatchObject({ status: 7, stdout: '0\n' });
      const nowhere = await cli('container', 'exec', 'web', '--', '/no/such/program');
      expect(nowhere.status).toBe(127);

      const stopped = await cli('container', 'stop', 'web', ...waiting);
      expect(documentOf(stopped)).toMatchObject({ container: { status: 'stopped' } });
      expect(await served()).toBeUndefined();
      const started = await cli('container', 'start', 'web', ...waiting);
      expect(documentOf(started)).toMatchObject({ container: { status: 'running' } });
      await waitFor('the web server to be back', async () => (await served()) === 'one');

      const updated = await cli('container', 'update', 'web', ...serve('two'), ...waiting);
      expect(updated.status, updated.stdout).toBe(0);
      expect(documentOf(updated)).toMatchObject({ container: { status: 'running', revision: 2 } });
      await waitFor('the other web server', async () => (await served()) === 'two');

      const broken = await cli(
        'container',
        'update',
        'web',
        '--command',
        '/bin/sh',
        '--arg',
        '-c',
        '--arg',
        'echo broken >&2; exit 3',
        ...waiting,
      );
      expect(documentOf(broken)).toMatchObject({
        error: {
          code: 'CONTAINER_ROLLED_BACK',
          details: { lastWords: expect.stringContaining('broken') },
        },
      });
      expect(broken.status).toBe(1);
      await waitFor('the one before', async () => (await served()) === 'two');

      const back = await cli('container', 'rollback', 'web', '--to', '1', ...waiting);
      expect(back.status, back.stdout).toBe(0);
      await waitFor('the first one', async () => (await served()) === 'one');

      const removed = await cli('container', 'remove', 'web', '--yes', ...waiting);
      expect(removed.status, removed.stdout).toBe(0);
      await waitFor('the engine to be empty', async () => (await countOf(engine)) === 0);
      expect((await cli('container', 'status', 'web')).status).toBe(4);
    },
    240_000,
  );
});

/** The first line of what is served there, or undefined where nothing answers. */
async function fetched(engine: TestEngine): Promise<string | undefined> {
  const page = await engine
    .reach('curl', '-s', '-m', '2', 'http://127.0.0.1:8088/')
    .catch(() => undefined);
  return page?.trim();
}

/** How many containers the engine has, whoever made them. */
async function countOf(engine: TestEngine): Promise<number> {
  const all: unknown = JSON.parse((await engine.api('GET', '/containers/json?all=1')).text);
  return Array.isArray(all) ? all.length : Number.NaN;
}
