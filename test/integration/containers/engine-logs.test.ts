import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { EngineHttp } from '../../../src/core/platform/common/engine/engine-http.js';
import { readLogs } from '../../../src/core/platform/common/engine/log-reader.js';

type Message = readonly [at: string, text: string];

const at = (n: number) => `2026-01-02T03:04:${String(n).padStart(2, '0')}.000000000Z`;

/** Messages as Docker frames them. */
function framed(messages: readonly Message[]): Buffer {
  return Buffer.concat(
    messages.map(([time, said]) => {
      const text = Buffer.from(`${time} ${said}`);
      const head = Buffer.alloc(8);
      head[0] = 1;
      head.writeUInt32BE(text.length, 4);
      return Buffer.concat([head, text]);
    }),
  );
}

/** An engine whose one container runs on; it has written `all`, of which whoever follows is sent the first so many by now. */
async function engine(all: readonly Message[], followed: number) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'syntropy-logs-'));
  const socketPath = path.join(folder, 'engine.sock');
  const server = http.createServer(({ url = '' }, response) => {
    const query = new URL(url, 'http://engine').searchParams;
    const since = Number(query.get('since') ?? 0);
    const from = all.filter(([time]) => Date.parse(time) / 1_000 >= since);
    if (query.has('follow')) response.write(framed(from.slice(0, followed)));
    else response.end(framed(from));
  });
  server.listen(socketPath);
  await once(server, 'listening');
  const engineHttp = new EngineHttp(socketPath);
  const labels = { node: '', lease: '', container: '', replica: '1', specHash: '' };
  const facts = {
    id: 'c',
    name: 'c',
    labels,
    state: 'running' as const,
    pid: 2,
    restarts: 0,
    ports: [],
    exitCode: undefined,
    oomKilled: false,
    finishedAt: undefined,
    error: undefined,
    startedAt: at(0),
  };
  return {
    source: {
      http: engineHttp,
      id: 'c',
      followLoses: false,
      hasPieces: true,
      inspect: () => Promise.resolve(facts),
    },
    async [Symbol.asyncDispose]() {
      engineHttp.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

// Goal: what a container wrote is told in time and to the end that was asked for.
describe('a log that is followed', () => {
  it('until a time has everything of before, also what had not been read by then', async () => {
    const all = Array.from({ length: 9 }, (_, n) => [at(n + 1), `line ${n}\n`] as const);
    await using world = await engine(all, 4);
    const until = new Date(Date.now() + 300).toISOString();
    const texts: string[] = [];

    const signal = AbortSignal.timeout(10_000);
    for await (const lines of readLogs(world.source, { follow: true, until }, signal)) {
      texts.push(...lines.map(({ text }) => text));
    }

    expect(texts).toEqual(all.map(([, text]) => text.trimEnd()));
    expect(signal.aborted).toBe(false);
  });

  it('tells what is there of a long line that nobody goes on with', async () => {
    const piece = 'x'.repeat(16 << 10);
    await using world = await engine([[at(1), piece]], 1);
    const texts: string[] = [];

    const signal = AbortSignal.timeout(10_000);
    for await (const lines of readLogs(world.source, { follow: true }, signal)) {
      texts.push(...lines.map(({ text }) => text));
      break;
    }

    expect(texts).toEqual([piece]);
    expect(signal.aborted).toBe(false);
  });
});
