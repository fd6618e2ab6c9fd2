import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { openRuntime } from '../../../src/core/platform/common/engine/open-runtime.js';

const PODMAN = { ApiVersion: '1.41', Components: [{ Name: 'Podman Engine' }] };
const ID = '4711';
const UUID = '0190a0a0-0000-7000-8000-000000000001';
const LABELS = {
  'syntropy.node': UUID,
  'syntropy.lease': UUID,
  'syntropy.container': UUID,
  'syntropy.replica': '1',
  'syntropy.spec-hash': 'a'.repeat(64),
};

/** Lines as the engine frames them: stream, length, and the text with its time. */
function framed(numbers: readonly number[]): Buffer {
  return Buffer.concat(
    numbers.map((n) => {
      const at = new Date(Date.UTC(2026, 0, 1, 0, 0, Math.floor(n / 10))).toISOString();
      const text = Buffer.from(`${at.replace('.000Z', 'Z')} line ${n}\n`);
      const head = Buffer.alloc(8);
      head[0] = 1;
      head.writeUInt32BE(text.length, 4);
      return Buffer.concat([head, text]);
    }),
  );
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

/**
 * Podman as it is while a container exits (https://github.com/containers/podman/issues/21914): following ends before the last lines have come, and only who reads
 * once more finds them. Times are to the second.
 */
async function losingPodman() {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'syntropy-lossy-'));
  const socketPath = path.join(folder, 'engine.sock');
  let isRunning = true;
  const server = http.createServer(({ url = '' }, response) => {
    const call = new URL(url, 'http://engine');
    if (call.pathname.endsWith('/logs')) {
      const isFollowing = call.searchParams.has('follow');
      const since = Number(call.searchParams.get('since') ?? 0);
      const there = isFollowing || isRunning ? 60 : 100;
      const from = upTo(there).filter(
        (n) => Date.UTC(2026, 0, 1) / 1_000 + Math.floor(n / 10) >= Math.floor(since),
      );
      response.end(framed(from));
      if (isFollowing) isRunning = false;
      return;
    }
    const facts = {
      Id: ID,
      Name: 'syntropy-web-1-0190a0a0-aaaaaaaa',
      State: { Status: isRunning ? 'running' : 'exited', StartedAt: '2026-01-01T00:00:00Z' },
      Config: { Labels: LABELS },
    };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(call.pathname.endsWith(`/${ID}/json`) ? facts : PODMAN));
  });
  server.listen(socketPath);
  await once(server, 'listening');
  const runtime = await openRuntime(socketPath);
  return {
    runtime,
    async [Symbol.asyncDispose]() {
      runtime.close();
      server.close();
      server.closeAllConnections();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

// Goal: what an engine leaves out of a log that is followed is not lost to whoever follows it here.
describe('a log of which the engine loses the end', () => {
  it('is there whole, each line once', async () => {
    await using world = await losingPodman();
    const texts: string[] = [];

    for await (const lines of world.runtime.logs(
      ID,
      { follow: true },
      AbortSignal.timeout(20_000),
    )) {
      texts.push(...lines.map(({ text }) => text));
    }

    expect(texts).toEqual(upTo(100).map((n) => `line ${n}`));
  });
});
