import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';

import type { LogSink } from '../../../src/daemon/agents/log-requests.js';

import { LogRelay } from '../../../src/daemon/agents/log-relay.js';

/** Two daemons, and an agent at the second whose log is what the test says. What the second sends waits for as long as it is held. */
async function relays() {
  const asked = Promise.withResolvers<LogSink>();
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  const seen = { lines: [] as string[], dropped: 0, order: [] as string[], ended: 0, failed: 0 };
  const of = (daemonId: string, send: (text: string) => Promise<void>) =>
    new LogRelay({
      daemonId,
      log: pino({ enabled: false }),
      send: (_, text) => send(text),
      here: (_, __, ___, sink) => {
        asked.resolve(sink);
        return () => undefined;
      },
    });
  let failing = false;
  const reader = of('reader', async (text) => holder.receive(text));
  const holder: LogRelay = of('holder', async (text) => {
    await gate.promise;
    if (!failing) return reader.receive(text);
    seen.failed += 1;
    throw new TypeError('The database is away.');
  });
  reader.read(
    'holder',
    'session',
    randomUUID(),
    { unit: 'agent', lines: 0, follow: true },
    {
      lines: (lines, dropped) => {
        seen.lines.push(...lines);
        seen.dropped += dropped;
        if (dropped > 0) seen.order.push(`${dropped} before ${lines[0] ?? 'the end'}`);
      },
      end: () => void (seen.ended += 1),
    },
  );
  return {
    agent: await asked.promise,
    seen,
    hold: () => void (gate = Promise.withResolvers()),
    release: () => gate.resolve(),
    fail: (now: boolean) => void (failing = now),
    [Symbol.dispose]: () => {
      reader.close();
      holder.close();
    },
  };
}

const lines = (count: number) => Array.from({ length: count }, (_, n) => `line ${n}`);

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function until(wanted: () => boolean): Promise<void> {
  while (!wanted()) await turn();
}

// Goal: who reads a log through another daemon is told of every line, or that it is missing.
describe('a log that is read through another daemon', () => {
  it('tells how many lines were too many, before the next one', async () => {
    using world = await relays();
    const { agent, seen } = world;
    world.hold();
    agent.lines(lines(5_000), 7);
    world.release();
    await until(() => seen.lines.length === 2_000);

    agent.lines(['the next'], 0);
    await until(() => seen.lines.length === 2_001);

    expect(seen.order).toEqual(['7 before line 0', '3000 before the next']);
  });

  it('tells it before the end where there is no next one, and never loses the end', async () => {
    using world = await relays();
    const { agent, seen } = world;
    world.hold();
    agent.lines(lines(5_000), 0);
    agent.end();
    world.release();

    await until(() => seen.ended === 1);

    expect(seen.lines).toHaveLength(2_000);
    expect(seen.order).toEqual(['3000 before the end']);
  });

  it('counts what could not be sent', async () => {
    using world = await relays();
    const { agent, seen } = world;
    world.fail(true);
    agent.lines(lines(10), 3);
    await until(() => seen.failed === 10);
    world.fail(false);

    agent.lines(['the next'], 0);
    await until(() => seen.lines.length === 1);

    expect(seen.order).toEqual(['13 before the next']);
  });
});
