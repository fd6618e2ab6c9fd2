import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { waitFor } from '../../support/wait-for.js';
import { openRuntime } from '../../../src/core/platform/common/engine/open-runtime.js';

const PODMAN = { ApiVersion: '1.41', Components: [{ Name: 'Podman Engine' }] };
/** As Podman 4.3 says it of a container that is removed while it looks. */
const GONE = { message: 'container 4711 does not exist in database: no such container' };

type Answer = readonly [status: number, body: unknown];

/** An engine that gives these answers, one after the other, the last for ever; none where the status is 0. */
async function engine(answers: Readonly<Record<string, readonly Answer[]>>) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'syntropy-answers-'));
  const socketPath = path.join(folder, 'engine.sock');
  const asked: string[] = [];
  const server = http.createServer(({ url = '' }, response) => {
    const call = url.replace(/^\/v[\d.]+/u, '').replace(/\?.*/u, '');
    const all = answers[call] ?? [[200, PODMAN]];
    const nth = asked.filter((one) => one === call).length;
    asked.push(call);
    const [status, body] = all[Math.min(nth, all.length - 1)] ?? [500, {}];
    if (status === 0) return;
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  server.listen(socketPath);
  await once(server, 'listening');
  const runtime = await openRuntime(socketPath);
  return {
    runtime,
    asked,
    async [Symbol.asyncDispose]() {
      runtime.close();
      server.close();
      server.closeAllConnections();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const NODE = randomUUID();
const LEASE = randomUUID();
const HASH = 'a'.repeat(64);
const NAME = `syntropy-web-1-${LEASE.slice(0, 8)}-${HASH.slice(0, 8)}`;
const LABELS = {
  'syntropy.node': NODE,
  'syntropy.lease': LEASE,
  'syntropy.container': randomUUID(),
  'syntropy.replica': '1',
  'syntropy.spec-hash': HASH,
};

/** What inspecting says of a container of the grid that runs. */
function running(Id: string) {
  return { Id, Name: `/${NAME}`, State: { Status: 'running' }, Config: { Labels: LABELS } };
}

/** An engine on which one container runs that is called so and has these labels. */
function withContainer(name: string, labels: Readonly<Record<string, string>>) {
  return engine({
    '/containers/json': [
      [200, [{ Id: '4711', Names: [`/${name}`], State: 'running', Labels: labels }]],
    ],
    '/containers/4711/json': [
      [200, { Id: '4711', Name: `/${name}`, State: {}, Config: { Labels: labels } }],
    ],
  });
}

// Goal: what an engine says of one container is not taken for what it says of itself.
describe('an engine from which a container goes while it looks', () => {
  it('is asked again for its list', async () => {
    await using world = await engine({
      '/containers/json': [
        [500, GONE],
        [500, GONE],
        [200, []],
      ],
    });
    expect(await world.runtime.list('node')).toEqual([]);
    expect(world.asked.filter((call) => call === '/containers/json')).toHaveLength(3);
  });

  it('is not asked for ever', async () => {
    await using world = await engine({ '/containers/json': [[500, GONE]] });
    await expect(world.runtime.list('node')).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  });

  it('has it no more, whatever the call', async () => {
    await using world = await engine({
      '/containers/4711/json': [[500, GONE]],
      '/containers/4711/stop': [[500, GONE]],
      '/containers/4711': [[500, GONE]],
    });
    const { runtime } = world;
    await expect(runtime.inspect('4711')).rejects.toMatchObject({ code: 'RUNTIME_NOT_FOUND' });
    await expect(runtime.stop('4711', 1)).rejects.toMatchObject({ code: 'RUNTIME_NOT_FOUND' });
    await expect(runtime.remove('4711')).resolves.toBeUndefined();
  });

  it('fails at it where it fails over something else, and is there all the same', async () => {
    const failed: Answer = [
      500,
      { message: 'tried to kill container, but did not receive an exit event' },
    ];
    await using world = await engine({
      '/containers/4711/json': [failed, [200, running('4711')]],
      '/containers/4711/stop': [failed],
      '/volumes/data': [failed],
    });
    const { runtime } = world;
    await expect(runtime.inspect('4711')).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      message: expect.stringContaining('did not receive an exit event'),
    });
    await expect(runtime.stop('4711', 1)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    await expect(runtime.removeVolume('data')).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  });

  it('is asked again to remove one that is busy, and not one that it cannot remove', async () => {
    const message = 'removal of container 4711 is already in progress';
    await using world = await engine({
      '/containers/4711': [
        [409, { message }],
        [409, { message }],
        [204, {}],
      ],
      '/containers/4712': [[500, { message: 'device or resource busy' }]],
    });
    const { runtime, asked } = world;
    await runtime.remove('4711');
    await expect(runtime.remove('4712')).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    expect(asked.filter((call) => call === '/containers/4711')).toHaveLength(3);
    expect(asked.filter((call) => call === '/containers/4712')).toHaveLength(1);
  });
});

// Goal: labels come with an image, and an image may be anybody's: a container is the grid's only where its name says the same as all of its labels.
describe('a container with labels of the grid', () => {
  it('is the one that was made by that name', async () => {
    await using world = await withContainer(NAME, LABELS);
    expect(await world.runtime.list(NODE)).toMatchObject([{ id: '4711', name: NAME }]);
    expect(await world.runtime.inspect('4711')).toMatchObject({ labels: { lease: LEASE } });
  });

  it('may have a second name, of a link to it', async () => {
    const names = [`/other/${NAME.slice(9)}`, `/${NAME}`];
    await using world = await engine({
      '/containers/json': [[200, [{ Id: '4711', Names: names, State: 'running', Labels: LABELS }]]],
    });
    expect(await world.runtime.list(NODE)).toMatchObject([{ name: NAME }]);
  });

  it.each([
    ['that was run from a copy of one', 'hopeful_darwin', {}],
    ['that is called like another lease', NAME.replace(LEASE.slice(0, 8), '00000000'), {}],
    ['that is called like another revision', NAME.replace(HASH.slice(0, 8), 'bbbbbbbb'), {}],
    ['that is called like another replica', NAME.replace('-1-', '-2-'), {}],
    ['whose lease is a way out of a folder', NAME, { 'syntropy.lease': '../../../../..' }],
    ['whose lease is empty', NAME, { 'syntropy.lease': '' }],
    ['whose lease begins like one', NAME, { 'syntropy.lease': `${LEASE}/../..` }],
    ['whose container is no id', NAME, { 'syntropy.container': 'web' }],
    ['whose replica is no number', NAME, { 'syntropy.replica': '1/..' }],
    ['whose hash is none', NAME, { 'syntropy.spec-hash': HASH.slice(0, 8) }],
  ])('%s is none of the grid', async (_, name, more) => {
    await using world = await withContainer(name, { ...LABELS, ...more });
    expect(await world.runtime.list(NODE)).toEqual([]);
    await expect(world.runtime.inspect('4711')).rejects.toMatchObject({
      code: 'RUNTIME_NOT_FOUND',
    });
  });
});

// Goal: whoever takes long to stop takes none of the connections that everything else goes over.
describe('an engine that stops many containers for long', () => {
  it('answers meanwhile, and is not waited for by whoever does not want to', async () => {
    await using world = await engine({
      '/containers/4711/stop': [[0, {}]],
      '/containers/json': [[200, []]],
    });
    const { runtime, asked } = world;
    const signals = Array.from({ length: 40 }, () => new AbortController());
    const stops = signals.map(({ signal }) =>
      runtime.stop('4711', 3_600, signal).then(
        () => 'stopped',
        () => 'let go of',
      ),
    );
    await waitFor('all stops to be under way', () => asked.length > signals.length);

    expect(await runtime.list(NODE)).toEqual([]);
    for (const one of signals.slice(1)) one.abort();
    expect(await Promise.all(stops.slice(1))).toEqual(signals.slice(1).map(() => 'let go of'));
    runtime.close();
    expect(await stops[0]).toBe('let go of');
  });
});

describe('an engine that is not there', () => {
  it('is said to be missing, with its place', async () => {
    await expect(openRuntime('/no/such/engine.sock')).rejects.toMatchObject({
      code: 'ENGINE_MISSING',
      message: 'There is no container engine at /no/such/engine.sock.',
    });
  });
});

// Goal: what an engine is left with when it is killed in the midst of a start is known by its words, and made again.
describe('a start that an earlier one is in the way of', () => {
  it.each([
    'task 4711 already exists: unknown',
    'runc: runc create failed: container with given ID already exists: OCI runtime error',
    'failed to create shim: id already in use',
  ])('is a conflict: %s', async (message) => {
    await using world = await engine({ '/containers/4711/start': [[500, { message }]] });
    await expect(world.runtime.start('4711')).rejects.toMatchObject({ code: 'RUNTIME_CONFLICT' });
  });
});
