import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import type { Duplex } from 'node:stream';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { EngineHttp } from '../../../src/core/platform/common/engine/engine-http.js';
import { waitFor } from '../../support/wait-for.js';

/** An engine that makes a pipe of a connection when the test says so. */
async function piping() {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'syntropy-pipe-'));
  const pipes: Duplex[] = [];
  const closed: Duplex[] = [];
  const server = http.createServer((_, response) => void response.end('{}'));
  server.on('upgrade', (_request, socket: Duplex) => {
    pipes.push(socket);
    socket.on('error', () => undefined).on('end', () => closed.push(socket));
    socket.resume();
  });
  const socketPath = path.join(folder, 'engine.sock');
  server.listen(socketPath);
  await once(server, 'listening');
  return {
    engine: new EngineHttp(socketPath),
    pipes,
    closed,
    async [Symbol.asyncDispose]() {
      for (const pipe of pipes) pipe.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

// Goal: when an agent lets go of its engine, nothing of theirs stays open.
describe('a pipe to an engine', () => {
  it('ends where it is let go of while the pipe is being made', async () => {
    await using world = await piping();
    const piped = world.engine.hijack('/exec/1/start', {}).catch((error: unknown) => error);
    const pipe = await waitFor('the question', () => world.pipes[0]);

    world.engine.close();
    pipe.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');

    expect(await piped).toMatchObject({ code: 'ENGINE_UNREACHABLE' });
    await waitFor('it to end', () => world.closed.includes(pipe));
  });

  it('is not made any more afterwards', async () => {
    await using world = await piping();
    world.engine.close();

    await expect(world.engine.hijack('/exec/1/start', {})).rejects.toMatchObject({
      code: 'ENGINE_UNREACHABLE',
    });
    expect(world.pipes).toEqual([]);
  });
});
