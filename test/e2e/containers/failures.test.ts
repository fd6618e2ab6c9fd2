import { once } from 'node:events';
import { spawn } from 'node:child_process';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { documentOf } from '../../support/cli.js';
import {
  type ContainerGrid,
  containerGrid,
  containersOf,
  shell,
} from '../../support/container-grid.js';
import {
  REGISTRY_USER,
  startDocker,
  startPodman,
  startRegistry,
  type TestEngine,
} from '../../support/engines.js';
import { missing } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';

const IMAGE = 'local/box:1';
const DENIED = { code: 'REGISTRY_DENIED', status: 1 };

const engines = [
  { name: 'docker', needs: 'docker', open: startDocker },
  { name: 'podman', needs: 'podman', open: startPodman },
] as const;

/** What a failure has to say. */
interface Refusal {
  readonly code: string;
  readonly status: number;
  readonly message?: RegExp;
  readonly lastWords?: RegExp;
}

// Goal: whatever cannot be deployed says what to do, and leaves nothing behind: no container, no place, no name.
describe.each(engines)('a deployment that fails on $name', ({ needs, open }) => {
  const isSkipped = missing('root', 'registry', needs);
  let engine: TestEngine;
  let grid: ContainerGrid;
  let registry: Awaited<ReturnType<typeof startRegistry>>;

  beforeAll(async () => {
    if (isSkipped) return;
    engine = await open();
    await engine.importBusybox(IMAGE);
    registry = await startRegistry(engine, { asks: true });
    await engine.push(IMAGE, `${registry.address}/private:1`);
    await engine.forget(`${registry.address}/private:1`);
    await engine.importBusybox(IMAGE);
    grid = await containerGrid([engine]);
  });
  afterAll(async () => {
    await grid?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
  });

  // What one of them leaves behind is not to fail the next.
  afterEach(async () => {
    const { containers } = isSkipped
      ? { containers: [] }
      : await grid.client.call('containers.list', {});
    for (const { name } of containers) await removed(grid, engine, name);
  });

  const deploy = (image: string, ...flags: readonly string[]) =>
    grid.cli(
      'container',
      'deploy',
      '--image',
      image,
      ...(flags.includes('--name') ? [] : ['--name', 'web']),
      '--wait',
      '--timeout',
      '40s',
      '--json',
      ...flags,
    );
  /** Deploys it in vain, and looks at what is left: what was there before, and no more. */
  const refused = async (expected: Refusal, image: string, ...flags: readonly string[]) => {
    const before = await containersOf(engine);
    const { containers: held } = await grid.client.call('containers.list', {});
    const result = await deploy(image, ...flags);
    const { code, status, message = /./u, lastWords } = expected;
    expect(documentOf(result), grid.nodes[0]?.said.slice(-2_000)).toMatchObject({
      error: {
        code,
        message: expect.stringMatching(message),
        hint: expect.stringMatching(/\w{4}/u),
        ...(lastWords ? { details: { lastWords: expect.stringMatching(lastWords) } } : {}),
      },
    });
    expect(result.status).toBe(status);
    await waitFor('the engine to be as before', async () => {
      const now = await containersOf(engine);
      return now.toSorted().join() === before.toSorted().join();
    });
    const { containers: left } = await grid.client.call('containers.list', {});
    expect(left.map(({ name }) => name)).toEqual(held.map(({ name }) => name));
  };

  it.skipIf(isSkipped)('for an image that no registry has', async () => {
    await setSecret(grid, 'good', `${REGISTRY_USER.username}:${REGISTRY_USER.password}`);
    await refused(
      { code: 'CONTAINER_IMAGE_NOT_FOUND', status: 4, message: /nothing:1/u },
      `${registry.address}/nothing:1`,
      '--registry-auth',
      'good',
    );
    await refused(
      { code: 'CONTAINER_IMAGE_NOT_FOUND', status: 4 },
      'local/absent:1',
      '--pull',
      'never',
    );
  });

  it.skipIf(isSkipped)(
    'for a registry that denies it, and not with the right password',
    async () => {
      const image = `${registry.address}/private:1`;
      await setSecret(grid, 'wrong', `${REGISTRY_USER.username}:nonsense`);
      await setSecret(grid, 'good', `${REGISTRY_USER.username}:${REGISTRY_USER.password}`);
      await refused(DENIED, image);
      await refused(DENIED, image, '--registry-auth', 'wrong');
      const deployed = await deploy(
        image,
        ...shell('exec sleep 1000').slice(2),
        '--registry-auth',
        'good',
      );
      expect(documentOf(deployed)).toMatchObject({
        container: { status: 'running', digest: expect.stringMatching(/^sha256:/u) },
      });
      await removed(grid, engine);
      // It lies on the machine from then on, and is not for everybody because of that.
      await refused(DENIED, image);
      await refused(
        { code: 'CONTAINER_IMAGE_NOT_FOUND', status: 4, message: /not to be fetched/u },
        image,
        '--pull',
        'never',
      );
    },
  );

  it.skipIf(isSkipped)('for a registry that cannot be reached', async () => {
    await refused(
      { code: 'REGISTRY_UNREACHABLE', status: 1, message: /127\.0\.0\.1:5999/u },
      '127.0.0.1:5999/any:1',
    );
  });

  it.skipIf(isSkipped)('for a port that is none, or that others have', async () => {
    await refused(
      { code: 'USAGE_INVALID', status: 2, message: /99999/u },
      IMAGE,
      '--publish',
      '99999:80',
    );
    await using _ = await listening(engine, 8_090);
    await refused(
      { code: 'PORT_TAKEN', status: 5, message: /8090/u },
      IMAGE,
      '--publish',
      '8090:80',
      ...shell('exec sleep 1000'),
    );
  });

  it.skipIf(isSkipped)('for a name or a port that another container has', async () => {
    const first = ['--publish', '8091:80', ...shell('exec sleep 1000')];
    const deployed = await deploy(IMAGE, '--name', 'first', ...first);
    expect(deployed.status, deployed.stdout).toBe(0);
    await refused(
      { code: 'CONTAINER_NAME_TAKEN', status: 5, message: /first/u },
      IMAGE,
      '--name',
      'first',
    );
    await refused(
      { code: 'PORT_TAKEN', status: 5, message: /8091/u },
      IMAGE,
      '--node',
      'node-01',
      ...first,
    );
    await removed(grid, engine, 'first');
  });

  it.skipIf(isSkipped)('for a command that cannot be run', async () => {
    await refused(
      { code: 'CONTAINER_START_FAILED', status: 1, message: /no\/such\/program/u },
      IMAGE,
      '--pull',
      'never',
      '--command',
      '/no/such/program',
    );
    await refused(
      { code: 'CONTAINER_START_FAILED', status: 1 },
      IMAGE,
      '--pull',
      'never',
      '--command',
      '/etc/denied',
    );
  });

  it.skipIf(isSkipped)('for a program that ends at once, with its last words', async () => {
    await refused(
      {
        code: 'CONTAINER_FAILED',
        status: 1,
        message: /"?web (has failed|does not run): It ended (with status 3|soon after its start)/u,
        lastWords: /no such database/u,
      },
      IMAGE,
      ...shell('echo no such database >&2; exit 3'),
    );
  });
});

describe('a deployment that fails', () => {
  const isSkipped = missing('root', 'docker');

  it.skipIf(isSkipped)(
    'says which node does not take it, and why',
    async () => {
      await using engine = await startDocker();
      await engine.importBusybox(IMAGE);
      await using grid = await containerGrid([engine]);
      const without = await grid.add('--engine', 'none');
      const missingSocket = await grid.add('--engine', 'unix:///run/no-engine.sock');
      await without.isOnline();
      await missingSocket.isOnline();
      const silent = await grid.add('--engine', 'none');
      await silent.isOnline();
      await silent.stop();
      const refuse = async (expected: Refusal, ...flags: readonly string[]) => {
        const words = [
          '--name',
          'web',
          '--image',
          IMAGE,
          '--pay-from',
          'node-01',
          '--wait',
          '--timeout',
          '50s',
          '--json',
        ];
        const result = await grid.cli('container', 'deploy', ...words, ...flags);
        expect(documentOf(result)).toMatchObject({
          error: { code: expected.code, message: expect.stringMatching(expected.message ?? /./u) },
        });
        expect(result.status).toBe(expected.status);
      };
      const idle = shell('exec sleep 1000');
      await Promise.all([
        refuse({ code: 'NODE_NOT_FOUND', status: 4, message: /nowhere/u }, '--node', 'nowhere'),
        refuse({ code: 'ENGINE_MISSING', status: 5, message: /node-02/u }, '--node', 'node-02'),
        refuse(
          {
            code: 'ENGINE_MISSING',
            status: 5,
            message: /no-engine\.sock\..*Install Docker or Podman/su,
          },
          '--node',
          'node-03',
        ),
        refuse(
          { code: 'OFFER_TOO_SMALL', status: 5, message: /offer of 2048 MiB/u },
          '--node',
          'node-01',
          '--memory',
          '3GiB',
        ),
        refuse(
          { code: 'NO_PLACE', status: 5, message: /node-01.*node-02.*node-03/su },
          '--cpus',
          '3',
        ),
        refuse({ code: 'SECRET_NOT_FOUND', status: 4, message: /nothing/u }, '--secret', 'nothing'),
      ]);
      await refuse(
        { code: 'BIND_NOT_ALLOWED', status: 5, message: /\/etc/u },
        '--volume',
        '/etc:/srv:ro',
        ...idle,
      );
      await refuse(
        { code: 'CONTAINER_UNHEALTHY', status: 1 },
        '--health-cmd',
        'exit 1',
        '--health-interval',
        '1s',
        '--health-retries',
        '1',
        ...idle,
      );
      await waitFor(
        'node-04 to be offline',
        async () => {
          const { status } = await grid.client.call('nodes.get', { node: 'node-04' });
          return status === 'offline';
        },
        60_000,
      );
      await refuse(
        { code: 'NODE_OFFLINE', status: 5, message: /node-04.*last heard of/u },
        '--node',
        'node-04',
      );
      await waitFor('nothing to be left', async () => (await containersOf(engine)).length === 0);
      expect(await grid.client.call('containers.list', {})).toMatchObject({ containers: [] });
    },
    150_000,
  );
});

async function setSecret(grid: ContainerGrid, name: string, value: string): Promise<void> {
  const base64 = Buffer.from(value).toString('base64');
  await grid.client.call('secrets.set', { name, base64 });
}

async function removed(grid: ContainerGrid, engine: TestEngine, name = 'web'): Promise<void> {
  const result = await grid.cli('container', 'remove', name, '--yes', '--wait', '--json');
  expect(result.status, result.stdout).toBe(0);
  await waitFor('it to be gone', async () => (await containersOf(engine)).length === 0);
}

/** A program of the machine that has a port. */
async function listening(engine: TestEngine, port: number): Promise<AsyncDisposable> {
  const [program = '', ...words] = engine.within;
  const child = spawn(program, [...words, 'busybox', 'httpd', '-f', '-p', String(port)], {
    stdio: 'ignore',
  });
  await waitFor('the program to listen', () =>
    engine.reach('curl', '-s', `http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    ),
  );
  return {
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
