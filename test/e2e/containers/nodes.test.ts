import { describe, expect, it } from 'vitest';

import { documentOf } from '../../support/cli.js';
import {
  type ContainerGrid,
  containerGrid,
  containersOf,
  shell,
} from '../../support/container-grid.js';
import { startDocker, startRegistry, type TestEngine } from '../../support/engines.js';
import { lan } from '../../support/netns.js';
import { missing } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';

const IMAGE = '127.0.0.1:5000/box:1';
const isSkipped = missing('root', 'docker', 'netns');
const serve = 'hostname > /tmp/index.html; exec httpd -f -p 8080 -h /tmp';
const waiting = ['--wait', '--timeout', '60s', '--json'];

/** As `shell`, of an image that is fetched. */
const pulled = (script: string) => shell(script).slice(2);

/** Two machines on one network, each with a Docker and an agent. */
async function twoNodes() {
  await using stack = new AsyncDisposableStack();
  const { hosts, ...network } = lan(2);
  stack.defer(() => network[Symbol.dispose]());
  const [first, second] = await Promise.all(
    hosts.map(async ({ namespace }) => stack.use(await startDocker({ namespace }))),
  );
  if (!first || !second) throw new Error('There are to be two.');
  // At the same place on each machine, with the same in it, as one that both of them reach.
  const { data } = stack.use(await startRegistry(first));
  stack.use(await startRegistry(second, { data }));
  await first.importBusybox('local/box:1');
  await first.push('local/box:1', IMAGE);
  const grid = stack.use(await containerGrid([first, second]));
  const kept = stack.move();
  const deploy = (name: string, ...flags: readonly string[]) =>
    grid.cli(
      'container',
      'deploy',
      '--name',
      name,
      '--pay-from',
      'node-01',
      '--image',
      IMAGE,
      ...waiting,
      ...flags,
    );
  return { grid, first, second, hosts, deploy, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Where the replicas of a container are that live, by their numbers. */
async function placesOf(grid: ContainerGrid, name: string) {
  const { instances } = await grid.container(name);
  return instances
    .filter(({ phase }) => phase !== 'ended' && phase !== 'lost')
    .toSorted((a, b) => a.replica - b.replica)
    .map(({ node, phase }) => ({ node: node.name, phase }));
}

const fetched = (engine: TestEngine, url: string) =>
  engine.reach('curl', '-s', '-m', '2', url).then(
    (page) => page.trim(),
    () => undefined,
  );

// Goal: two machines are one place to run things, and one of them may go.
describe.skipIf(isSkipped).concurrent('containers on two nodes', () => {
  it('are spread, reached from the other machine, chosen by label, scaled, and of one image', async () => {
    await using world = await twoNodes();
    const { grid, first, second, hosts, deploy } = world;
    const address = (name: string) => hosts[name === 'node-01' ? 0 : 1]?.address ?? '';

    const web = await deploy('web', '--replicas', '2', '--publish', '8088:8080', ...pulled(serve));
    expect(web.status, web.stdout).toBe(0);
    const places = await placesOf(grid, 'web');
    expect(places.map(({ node }) => node).toSorted()).toEqual(['node-01', 'node-02']);
    for (const [at, { node }] of places.entries()) {
      const other = node === 'node-01' ? second : first;
      const url = `http://${address(node)}:8088/`;
      const said = await waitFor('the answer', async () => fetched(other, url));
      expect(said).toBe(at === 0 ? 'web' : `web-${at + 1}`);
    }
    const third = await grid.cli('container', 'scale', 'web', '3', '--json');
    expect(third.status).toBe(5);
    expect(documentOf(third)).toMatchObject({
      error: { code: 'NO_PLACE', message: expect.stringMatching(/8088.*node-01.*8088.*node-02/su) },
    });
    await grid.cli('container', 'scale', 'web', '1', ...waiting);
    await waitFor('one to be left', async () => {
      const left = [...(await containersOf(first)), ...(await containersOf(second))];
      return left.length === 1;
    });
    await grid.cli('container', 'scale', 'web', '2', ...waiting);
    expect(await placesOf(grid, 'web')).toMatchObject([{ phase: 'running' }, { phase: 'running' }]);

    await grid.cli('node', 'update', 'node-02', '--label', 'site=attic');
    const chosen = await deploy('chosen', '--selector', 'site=attic', ...pulled('exec sleep 1000'));
    expect(documentOf(chosen)).toMatchObject({ container: { nodes: [{ name: 'node-02' }] } });
    const nowhere = await deploy('nowhere', '--selector', 'site=cellar');
    expect(nowhere.status).toBe(5);
    expect(documentOf(nowhere)).toMatchObject({
      error: {
        code: 'NO_PLACE',
        message: expect.stringMatching(
          /"node-01" has no label.*"node-02" has no label site=cellar/su,
        ),
      },
    });
  }, 120_000);

  it('run the image that was found first, whatever its tag names later', async () => {
    await using world = await twoNodes();
    const { grid, first, deploy } = world;
    const app = await deploy(
      'app',
      '--replicas',
      '2',
      '--pull',
      'always',
      ...pulled('exec sleep 1000'),
    );
    expect(app.status, app.stdout).toBe(0);
    const before = await grid.container('app');
    expect(before.instances.map(({ digest }) => digest)).toEqual([before.digest, before.digest]);

    await first.importBusybox('local/other:2', { changes: ['LABEL of=other'] });
    await first.push('local/other:2', IMAGE);
    await grid.cli('container', 'scale', 'app', '1', ...waiting);
    const grown = await grid.cli('container', 'scale', 'app', '2', ...waiting);
    expect(grown.status, grown.stdout).toBe(0);
    const scaled = await grid.container('app');
    const living = scaled.instances.filter(({ phase }) => phase === 'running');
    expect(living.map(({ digest }) => digest)).toEqual([before.digest, before.digest]);

    const updated = await grid.cli('container', 'update', 'app', '--env', 'NEW=1', ...waiting);
    expect(updated.status, updated.stdout).toBe(0);
    const after = await grid.container('app');
    const moved = after.instances.filter(({ phase }) => phase === 'running');
    expect(moved.map(({ digest }) => digest)).toEqual([after.digest, after.digest]);
    expect(after.digest).not.toBe(before.digest);

    // The tag is moved once more, and nothing but that is to be fetched.
    await first.importBusybox('local/third:3', { changes: ['LABEL of=third'] });
    await first.push('local/third:3', IMAGE);
    const renewed = await grid.cli('container', 'update', 'app', '--pull', 'always', ...waiting);
    expect(renewed.status, renewed.stdout).toBe(0);
    const third = await grid.container('app');
    const renewals = third.instances.filter(({ phase }) => phase === 'running');
    expect(renewals.map(({ digest }) => digest)).toEqual([third.digest, third.digest]);
    expect([before.digest, after.digest]).not.toContain(third.digest);
  }, 180_000);

  it('are placed anew when their node is lost, and run twice only with a record of it', async () => {
    await using world = await twoNodes();
    const { grid, first, second, deploy } = world;
    const idle = pulled('exec sleep 1000');
    await Promise.all([
      grid.cli('node', 'update', 'node-02', '--label', 'site=attic'),
      grid.cli('node', 'update', 'node-01', '--label', 'site=attic'),
    ]);
    await grid.cli('node', 'drain', 'node-01');
    const placed = await Promise.all([
      deploy('web', '--selector', 'site=attic', '--lost-after', '45s', ...idle),
      deploy('db', '--lost-after', '45s', '--volume', 'data:/data', ...idle),
    ]);
    expect(placed.map(({ status }) => status)).toEqual([0, 0]);
    await grid.cli('node', 'undrain', 'node-01');
    expect(await containersOf(second)).toHaveLength(2);
    const {
      instances: [before],
    } = await grid.container('web');

    await grid.nodes[1]?.kill();

    await waitFor(
      'it to be unknown',
      async () => (await grid.container('web')).status === 'unknown',
      60_000,
    );
    expect((await placesOf(grid, 'web'))[0]).toMatchObject({ node: 'node-02', phase: 'unknown' });
    await waitFor(
      'the other node to have it',
      async () => {
        const [place] = await placesOf(grid, 'web');
        return place?.node === 'node-01' && place.phase === 'running';
      },
      60_000,
    );
    await waitFor(
      'the volume to be waited for',
      async () => (await grid.container('db')).status === 'lost',
    );
    expect(await grid.container('db')).toMatchObject({
      statusReason: expect.stringContaining('Its volume is on "node-02"'),
      instances: [{ node: { name: 'node-02' } }],
    });
    // Its containers went on: so web runs twice, and that is on record.
    expect(await containersOf(second)).toHaveLength(2);
    const events = await grid.cli('container', 'events', 'web', '--json');
    expect(documentOf(events)['events']).toContainEqual(
      expect.objectContaining({
        type: 'container.replica-lost',
        payload: expect.objectContaining({ lease: before?.lease, node: 'node-02' }),
      }),
    );

    grid.nodes[1]?.start();

    await waitFor(
      'the old one to be removed',
      async () => {
        const names = await containersOf(second);
        return names.length === 1 && names[0]?.includes('-db-');
      },
      40_000,
    );
    await waitFor(
      'the volume to be back',
      async () => (await grid.container('db')).status === 'running',
    );
    expect(await containersOf(first)).toHaveLength(1);
    expect(await placesOf(grid, 'web')).toEqual([{ node: 'node-01', phase: 'running' }]);
  }, 200_000);
});
