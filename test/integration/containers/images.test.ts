import { describe, expect, it } from 'vitest';

import type { Assignment } from '../../../src/contract/agent/work.js';

import { assignment, next } from '../../support/assignments.js';
import { MemoryRuntime } from '../../support/memory-runtime.js';
import { waitFor } from '../../support/wait-for.js';
import { workNode } from '../../support/work-node.js';

const SECRET = 'registry.test/secret:1';
const image = (digit: string, volumes: readonly string[] = []) => ({
  id: `sha256:${digit.repeat(64)}`,
  digest: `sha256:${digit.repeat(64)}`,
  hasHealthcheck: false,
  volumes,
  isAsked: false,
});

/** A registry that gives one image to those with either of two passwords, and another to everybody. */
function guarded() {
  return new MemoryRuntime({
    registry: { [SECRET]: image('5'), 'registry.test/open:1': image('6') },
    guarded: { [SECRET]: ['anna-4711', 'bert-4711'] },
  });
}

async function connected(runtime: MemoryRuntime) {
  const node = await workNode({ runtime });
  await node.start();
  node.connect();
  return node;
}

const of = (password: string | undefined, pull: 'missing' | 'never' | 'always' = 'missing') =>
  assignment(
    { image: SECRET, pull },
    password === undefined ? {} : { registryAuth: { username: 'somebody', password } },
  );

// Goal: what one member may fetch is not another member's because both are on the same machine.
describe('an image that was fetched with a password', () => {
  it.each([
    ['by its name', undefined, 'missing', 'REGISTRY_DENIED'],
    ['with a wrong password', 'nonsense', 'missing', 'REGISTRY_DENIED'],
    ['without asking', undefined, 'never', 'CONTAINER_IMAGE_NOT_FOUND'],
    ['without asking, with a wrong password', 'nonsense', 'never', 'CONTAINER_IMAGE_NOT_FOUND'],
  ] as const)('is not for another member: %s', async (_, password, pull, code) => {
    await using node = await connected(guarded());
    const anna = of('anna-4711');
    node.assign([anna]);
    await node.phase(anna.lease, 'running');

    const other = of(password, pull);
    node.assign([anna, other]);

    expect(await node.until(other.lease, (report) => report.code !== undefined)).toMatchObject({
      code,
    });
  });

  it('is for whoever can open its registry, and from then on without asking', async () => {
    await using node = await connected(guarded());
    const [anna, bert] = [of('anna-4711'), of('bert-4711')];
    node.assign([anna, bert]);
    await node.phase(anna.lease, 'running');
    await node.phase(bert.lease, 'running');
    const pulls = () => node.runtime.journal.filter((line) => line.startsWith('pull')).length;
    expect(pulls()).toBe(2);

    const again = [of('anna-4711', 'never'), of('bert-4711')];
    node.assign([anna, bert, ...again]);

    for (const { lease } of again) await node.phase(lease, 'running');
    expect(pulls()).toBe(2);
  });

  it('is not for another member after the agent was killed in the midst of it', async () => {
    await using node = await connected(guarded());
    const anna = of('anna-4711');
    // The image has arrived, and the agent does not live to see it.
    const arrived = Promise.withResolvers<void>();
    const { runtime } = node;
    const ensure = runtime.ensureImage.bind(runtime);
    runtime.ensureImage = async (request, signal) => {
      const found = await ensure(request, signal);
      if (request.auth === undefined) return found;
      arrived.resolve();
      throw new Error('It was killed.');
    };
    node.assign([anna]);
    await arrived.promise;
    await node.stop();

    await node.start();
    node.connect();
    const other = of(undefined, 'never');
    node.assign([other]);

    expect(await node.until(other.lease, (report) => report.code !== undefined)).toMatchObject({
      code: 'CONTAINER_IMAGE_NOT_FOUND',
    });
  });

  it('stays so when the agent starts anew', async () => {
    await using node = await connected(guarded());
    const anna = of('anna-4711');
    node.assign([anna]);
    await node.phase(anna.lease, 'running');
    await node.stop();
    await node.start();
    node.connect();

    const other = of(undefined, 'never');
    node.assign([anna, other]);

    expect(await node.until(other.lease, (report) => report.code !== undefined)).toMatchObject({
      code: 'CONTAINER_IMAGE_NOT_FOUND',
    });
  });

  it('is anybody’s when its registry gives it to anybody', async () => {
    const runtime = guarded();
    await using node = await connected(runtime);
    const open = { image: 'registry.test/open:1' } as const;
    const registryAuth = { username: 'somebody', password: 'needless' };
    const first = assignment(open, { registryAuth });
    node.assign([first]);
    await node.phase(first.lease, 'running');
    const second = assignment(open);
    node.assign([first, second]);
    await node.phase(second.lease, 'running');

    const third = assignment({ ...open, pull: 'never' });
    node.assign([first, second, third]);

    expect(await node.phase(third.lease, 'running')).toMatchObject({ generation: 1 });
  });
});

const PLACES: Readonly<Record<string, readonly string[]>> = {
  'registry.test/nginx:1': [],
  'registry.test/redis:7': ['/data'],
  'registry.test/postgres:16': ['/var/lib/postgresql/data/'],
  'registry.test/spring:1': ['/tmp'],
};

function withVolumes() {
  return new MemoryRuntime({
    registry: Object.fromEntries(
      Object.entries(PLACES).map(([name, volumes], n) => [name, image(String(n), volumes)]),
    ),
  });
}

// Goal: nobody gets room on the owner's disk that nobody asked for, and no data is lost that somebody thought was kept.
describe('an image that wants volumes', () => {
  it.each([
    ['registry.test/redis:7', '/data'],
    ['registry.test/postgres:16', '/var/lib/postgresql/data'],
  ])('%s is refused without one, and says where', async (name, target) => {
    await using node = await connected(withVolumes());
    const web = assignment({ image: name });

    node.assign([web]);

    const report = await node.phase(web.lease, 'failed');
    expect(report).toMatchObject({
      code: 'VOLUME_REQUIRED',
      reason: expect.stringContaining(target),
    });
    expect(node.runtime.all()).toEqual([]);
  });

  it('runs with them, by whatever way they are written', async () => {
    await using node = await connected(withVolumes());
    const volumes = [{ source: 'data', target: '/var/lib/postgresql/data', readOnly: false }];
    const database = assignment({ image: 'registry.test/postgres:16', volumes });
    const web = assignment({ image: 'registry.test/nginx:1' });

    node.assign([database, web]);

    await node.phase(web.lease, 'running');
    expect(await node.phase(database.lease, 'running')).not.toHaveProperty('code');
  });

  it('stops nothing that runs, where only its next revision wants one', async () => {
    await using node = await connected(withVolumes());
    const good = assignment({ image: 'registry.test/nginx:1', updateOrder: 'stop-first' });
    node.assign([good]);
    await node.phase(good.lease, 'running');

    const worse: Assignment = next(good, { image: 'registry.test/redis:7' });
    node.assign([worse]);

    await node.until(good.lease, ({ specHash }) => specHash === good.specHash);
    expect(node.runtime.journal.filter((line) => line.startsWith('stop'))).toEqual([]);
  });

  it.each([false, true])(
    'for what is to be forgotten gets memory (root that can be written: %s)',
    async (writableRoot) => {
      await using node = await connected(withVolumes());
      const web = assignment({ image: 'registry.test/spring:1', confinement: { writableRoot } });

      node.assign([web]);

      await node.phase(web.lease, 'running');
      const [made] = await waitFor('it', () => node.runtime.all());
      expect(made?.spec.mounts).toContainEqual(
        expect.objectContaining({ kind: 'tmpfs', target: '/tmp' }),
      );
    },
  );
});
