import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { openRuntime } from '../../../src/core/platform/common/engine/open-runtime.js';

const PODMAN = { ApiVersion: '1.41', Components: [{ Name: 'Podman Engine' }] };
/** As Podman 4.3 says it of a container that is removed while it looks. */
const GONE = { message: 'container 4711 does not exist in database: no such container' };

type Answer = readonly [status: number, body: unknown];

/** An engine that gives these answers, one after the other, the last for ever. */
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
    await expect(world.runtime.list('node')).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
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

  it('fails where it fails over something else', async () => {
    await using world = await engine({ '/containers/4711/json': [[500, { message: 'disk' }]] });
    await expect(world.runtime.inspect('4711')).rejects.toMatchObject({
      code: 'ENGINE_UNREACHABLE',
    });
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
