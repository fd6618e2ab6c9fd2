import { describe, expect, it } from 'vitest';

import { CHANNEL_WINDOW, costOf, MAX_CHANNELS } from '../../../src/contract/agent/channel.js';
import { channelAgent } from '../../support/channel-agent.js';
import { readLog, shell } from '../../support/channels.js';
import { remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';

/** What one member may have of a node's channels where nobody else asks. */
const ALONE = MAX_CHANNELS / 2;

// Goal: nobody who reads slowly, or goes away, costs more than a window of memory, or holds anybody up.
describe('a reader', () => {
  it('that stops holds up the engine at its own log, and nobody else', async () => {
    await using world = await remoteWorld();
    const text = 'x'.repeat(1_000);
    await using agent = await channelAgent(world, world, {
      programs: {
        '': { says: Array.from({ length: 20_000 }, () => ({ stream: 'stdout' as const, text })) },
      },
    });
    await agent.run('web');
    let sent = 0;
    agent.onSent = (frame) => {
      if ('chunk' in frame) sent += costOf(frame.chunk);
    };
    const slow = world.admin.stream('containers.logs', { container: 'web' });
    await slow.next();
    let settled = -1;
    await waitFor('nothing more to be sent', () => {
      const isStill = settled === sent;
      settled = sent;
      return (isStill && sent > 0) || undefined;
    });

    // What waits for it: one window in the daemon, and what the socket and its two ends hold.
    expect(settled).toBeLessThan(CHANNEL_WINDOW + 4 * (1 << 20));
    expect((await readLog(world.admin, { container: 'web', tail: 3 })).texts).toEqual([
      text,
      text,
      text,
    ]);
    let rest = 0;
    for (let next = await slow.next(); !next.done; next = await slow.next()) {
      if ('lines' in next.value) rest += next.value.lines.length;
    }
    expect(sent).toBeGreaterThan(20_000_000);
    expect(rest).toBeGreaterThan(19_000);
  });

  it('that goes away ends what was read for it, here and through another daemon', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const [, other = world] = world.replicas;
    await using agent = await channelAgent(world, world, shell);
    const { id } = await agent.run('web');
    agent.runtime.say(id, 'here');

    const here = await readLog(world.admin, { container: 'web', follow: true }, { most: 1 });
    const there = await readLog(other.admin, { container: 'web', follow: true }, { most: 1 });

    expect([here.texts, there.texts]).toEqual([['here'], ['here']]);

    await waitFor(
      'both to be shut',
      () => agent.asked.filter((frame) => 'shut' in frame).length === 2 || undefined,
    );
  });

  it('is turned away where its member reads as much as one may, and let in when one of those has gone', async () => {
    await using world = await remoteWorld();
    await using agent = await channelAgent(world);
    const { id } = await agent.run('web');
    agent.runtime.say(id, 'here');
    const stops = Array.from({ length: ALONE }, () => new AbortController());
    const readers = stops.map(async ({ signal }) => {
      const items = world.admin.stream(
        'containers.logs',
        { container: 'web', follow: true },
        { signal },
      );
      for await (const _ of items) continue;
    });
    await waitFor(
      'all to read',
      () => agent.asked.filter((frame) => 'open' in frame).length === ALONE || undefined,
    );

    await expect(readLog(world.admin, { container: 'web' })).rejects.toMatchObject({
      code: 'LIMIT_REACHED',
    });
    stops[0]?.abort();
    await waitFor('it to be shut', () => agent.asked.some((frame) => 'shut' in frame) || undefined);
    expect((await readLog(world.admin, { container: 'web' })).texts).toEqual(['here']);

    for (const stop of stops) stop.abort();
    await Promise.allSettled(readers);
  });

  it('is protected from an agent that sends more than it was granted', async () => {
    await using world = await remoteWorld();
    await using agent = await channelAgent(world);
    await agent.run('web');
    agent.runtime.before = (call) => (call === 'logs' ? new Promise(() => undefined) : undefined);
    const reading = world.admin.stream('containers.logs', { container: 'web' }).next();
    const id = await waitFor(
      'the channel to be open',
      () => agent.asked.flatMap((frame) => ('open' in frame ? [frame.open.id] : []))[0],
    );

    for (let n = 0; n < 1_000; n += 1) {
      agent.send({ chunk: { id, lines: [['2026-01-02T03:04:05Z', 1, 'A'.repeat(60_000)]] } });
    }

    expect(await agent.closed()).toEqual({ code: 1008, reason: 'beyond_credit' });
    expect((await reading).value).toMatchObject({ replica: 1 });
  });
});
