import { describe, expect, it } from 'vitest';

import type { SyntropyClient } from '../../../src/client/client.js';
import type { OperationInput, OperationOutput } from '../../../src/contract/registry.js';

import { CHANNEL_WINDOW, costOf, MAX_CHANNELS } from '../../../src/contract/agent/channel.js';
import { channelAgent } from '../../support/channel-agent.js';
import { remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';

type LogItem = OperationOutput<'containers.logs'>;
type ExecItem = OperationOutput<'containers.exec'>;

const lines = (count: number, word = 'line') =>
  Array.from({ length: count }, (_, n) => ({ stream: 'stdout' as const, text: `${word} ${n}` }));

/** Texts of a log, until it ends or there are so many. */
async function read(
  client: SyntropyClient,
  input: OperationInput<'containers.logs'>,
  {
    most = Infinity,
    onText,
    onMissing,
  }: { most?: number; onText?: (count: number) => void; onMissing?: () => void } = {},
) {
  const texts: string[] = [];
  const missing: LogItem[] = [];
  for await (const item of client.stream('containers.logs', input)) {
    if ('missing' in item) {
      missing.push(item);
      onMissing?.();
    } else {
      for (const { text } of item.lines) texts.push(text);
    }
    onText?.(texts.length);
    if (texts.length >= most) break;
  }
  return { texts, missing };
}

/** Runs a command, with what is to be done when it has begun, and when it has said something. */
async function run(
  client: SyntropyClient,
  input: OperationInput<'containers.exec'>,
  { onSession }: { onSession?: (session: string) => unknown } = {},
) {
  let said = '';
  let exitCode: number | undefined;
  for await (const item of client.stream('containers.exec', input)) {
    if ('session' in item) void onSession?.(item.session);
    else if ('exitCode' in item) exitCode = item.exitCode;
    else said += Buffer.from(item.base64, 'base64').toString();
  }
  return { said, exitCode };
}

const shell = { programs: { cat: { echoes: true }, sleep: {} } };

// Goal: whatever a replica writes reaches whoever reads it, in order and without a gap, wherever its node is connected.
describe('the log of a container', () => {
  it('is read to its end, and followed', async () => {
    await using world = await remoteWorld();
    await using agent = await channelAgent(world, world, {
      programs: { '': { says: lines(20_000) } },
    });
    const { id } = await agent.run('web');

    const whole = await read(world.admin, { container: 'web' });
    const tail = await read(world.admin, { container: 'web', tail: 2 });
    const followed = await read(
      world.admin,
      { container: 'web', tail: 1, follow: true },
      { most: 3, onText: (count) => count < 3 && agent.runtime.say(id, `new ${count}`) },
    );

    expect(whole.texts).toEqual(lines(20_000).map(({ text }) => text));
    expect(tail.texts).toEqual(['line 19998', 'line 19999']);
    expect(followed.texts).toEqual(['line 19999', 'new 1', 'new 2']);
    expect(agent.bugs).toEqual([]);
  });

  it('is the same through another daemon, also a line that is longer than a letter', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const [, other = world] = world.replicas;
    const long = `${'“€”"\\'.repeat(8_000)}end`;
    await using agent = await channelAgent(world, world, {
      programs: { '': { says: [...lines(5_000), { stream: 'stderr', text: long }] } },
    });
    const { id } = await agent.run('web');

    const whole = await read(other.admin, { container: 'web' });
    const followed = await read(
      other.admin,
      { container: 'web', tail: 1, follow: true },
      { most: 2, onText: (count) => count === 1 && agent.runtime.say(id, 'new') },
    );

    expect(whole.texts).toEqual([...lines(5_000).map(({ text }) => text), long]);
    expect(followed.texts).toEqual([long, 'new']);
  });

  it('is in the order of time over replicas on nodes at two daemons', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const [first = world, second = world] = world.replicas;
    let clock = Date.parse('2026-01-02T03:04:05Z');
    const now = () => new Date((clock += 1));
    await using one = await channelAgent(world, first, { name: 'node-01', now });
    await using two = await channelAgent(world, second, { name: 'node-02', now });
    const a = await one.run('web', 1);
    const b = await two.run('web', 2);
    for (let n = 0; n < 600; n += 1) {
      if (n % 3 === 0) two.runtime.say(b.id, `line ${n}`);
      else one.runtime.say(a.id, `line ${n}`);
    }

    const whole = await read(first.admin, { container: 'web' });
    const followed = await read(
      second.admin,
      { container: 'web', follow: true },
      {
        most: 602,
        onText: (count) => {
          if (count === 600) two.runtime.say(b.id, 'line 600');
          if (count === 601) one.runtime.say(a.id, 'line 601');
        },
      },
    );

    const wanted = lines(602).map(({ text }) => text);
    expect(whole.texts).toEqual(wanted.slice(0, 600));
    expect(followed.texts).toEqual(wanted);
  });

  it('goes on without a replica whose node is gone, and says so', async () => {
    await using world = await remoteWorld();
    await using one = await channelAgent(world, world, { name: 'node-01' });
    await using two = await channelAgent(world, world, { name: 'node-02' });
    const a = await one.run('web', 1);
    const b = await two.run('web', 2);
    one.runtime.say(a.id, 'here');
    two.runtime.say(b.id, 'there');

    const followed = await read(
      world.admin,
      { container: 'web', follow: true },
      {
        most: 3,
        onText: (count) => {
          if (count === 2) void two.break();
        },
        onMissing: () => one.runtime.say(a.id, 'still here'),
      },
    );

    expect(followed.texts).toEqual(['here', 'there', 'still here']);
    expect(followed.missing).toEqual([
      { replica: 2, node: 'node-02', missing: 'The connection to the node has ended.' },
    ]);
  });

  it('ends with a word when the only node goes in the middle, or is not there at all', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const [, other = world] = world.replicas;
    await using agent = await channelAgent(world);
    const { id } = await agent.run('web');
    agent.runtime.say(id, 'here');

    const reading = [world, other].map(({ admin }) =>
      read(admin, { container: 'web', follow: true }).catch((error: unknown) => error),
    );
    await waitFor(
      'both to read',
      () => agent.asked.filter((frame) => 'open' in frame).length === 2 || undefined,
    );
    await agent.break();

    expect(await Promise.all(reading)).toMatchObject([
      { code: 'NODE_OFFLINE' },
      { code: 'NODE_OFFLINE' },
    ]);
    await waitFor('the daemon to note it', async () => {
      const { rows } = await world.database.pool.query('select session_id from node_agents');
      return rows.every(({ session_id: session }) => session === null);
    });
    await expect(read(world.admin, { container: 'web' })).rejects.toMatchObject({
      code: 'NODE_OFFLINE',
    });
  });

  it('is refused by name where there is no such container, no such replica, or nothing on its node', async () => {
    await using world = await remoteWorld();
    await using agent = await channelAgent(world);
    const { id } = await agent.run('web');

    await expect(read(world.admin, { container: 'nope' })).rejects.toMatchObject({
      code: 'CONTAINER_NOT_FOUND',
    });
    await expect(read(world.admin, { container: 'web', replica: 7 })).rejects.toMatchObject({
      code: 'CONTAINER_NOT_RUNNING',
    });
    await agent.runtime.remove(id);
    await expect(read(world.admin, { container: 'web' })).rejects.toMatchObject({
      code: 'RUNTIME_NOT_FOUND',
    });
  });
});

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
    const slow = world.admin
      .stream('containers.logs', { container: 'web' })
      [Symbol.asyncIterator]();
    await slow.next();
    let settled = -1;
    await waitFor('nothing more to be sent', () => {
      const isStill = settled === sent;
      settled = sent;
      return (isStill && sent > 0) || undefined;
    });

    // What waits for it: one window in the daemon, and what the socket and its two ends hold.
    expect(settled).toBeLessThan(CHANNEL_WINDOW + 4 * (1 << 20));
    expect((await read(world.admin, { container: 'web', tail: 3 })).texts).toEqual([
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

    await read(world.admin, { container: 'web', follow: true }, { most: 1 });
    await read(other.admin, { container: 'web', follow: true }, { most: 1 });

    await waitFor(
      'both to be shut',
      () => agent.asked.filter((frame) => 'shut' in frame).length === 2 || undefined,
    );
  });

  it('is turned away where as many read as may, and let in when one of them has gone', async () => {
    await using world = await remoteWorld();
    await using agent = await channelAgent(world);
    const { id } = await agent.run('web');
    agent.runtime.say(id, 'here');
    const stops = Array.from({ length: MAX_CHANNELS }, () => new AbortController());
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
      () => agent.asked.filter((frame) => 'open' in frame).length === MAX_CHANNELS || undefined,
    );

    await expect(read(world.admin, { container: 'web' })).rejects.toMatchObject({
      code: 'LIMIT_REACHED',
    });
    stops[0]?.abort();
    await waitFor('it to be shut', () => agent.asked.some((frame) => 'shut' in frame) || undefined);
    expect((await read(world.admin, { container: 'web' })).texts).toEqual(['here']);

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

// Goal: a command in a container is typed to and heard as if it ran here.
describe('a command in a container', () => {
  it('says what it is told, in order, and ends with its code', async () => {
    await using world = await remoteWorld();
    await using agent = await channelAgent(world, world, {
      programs: { cat: { echoes: true, exits: 3 } },
    });
    await agent.run('web');
    const type = async (session: string) => {
      const write = (seq: number, rest: object) =>
        world.admin.call('containers.execInput', { session, seq, ...rest });
      // They may overtake each other, and be sent again.
      await Promise.all([
        write(2, { base64: base64('two ') }),
        write(1, { base64: base64('one ') }),
        write(1, { base64: base64('one ') }),
        write(3, { base64: base64('three'), size: { columns: 100, rows: 40 } }),
      ]);
      await write(2, { base64: base64('two ') });
      await write(4, { end: true });
    };

    const ran = await run(
      world.admin,
      { container: 'web', command: ['cat'], stdin: true, tty: true, env: { A: 'b' } },
      { onSession: type },
    );

    expect(ran).toEqual({ said: 'one two three', exitCode: 3 });
    expect(agent.runtime.sizes).toEqual([{ columns: 100, rows: 40 }]);
    expect(agent.runtime.execs[0]?.request).toMatchObject({
      env: { A: 'b' },
      tty: true,
      stdin: true,
    });
  });

  it('is reached through any daemon: the node at one, its output at another, what is typed at a third', async () => {
    await using world = await remoteWorld({ replicas: 3 });
    const [first = world, second = world, third = world] = world.replicas;
    await using agent = await channelAgent(world, first, shell);
    await agent.run('web');
    const big = Buffer.alloc(60_000, 'abcdefgh').toString();

    const ran = await run(
      second.admin,
      { container: 'web', command: ['cat'], stdin: true },
      {
        onSession: async (session) => {
          const write = (seq: number, rest: object) =>
            third.admin.call('containers.execInput', { session, seq, ...rest });
          await write(1, { base64: base64('one ') });
          await write(2, { base64: base64(big) });
          await write(3, { end: true });
        },
      },
    );

    expect(ran).toEqual({ said: expect.any(String), exitCode: 0 });
    expect(ran.said === `one ${big}`).toBe(true);
  });

  it('takes nothing from another member, nor after its end', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const [, other = world] = world.replicas;
    await using agent = await channelAgent(world, world, shell);
    await agent.run('web');
    const eve = await world.signedIn('eve', { roles: ['operator'] });
    let name = '';

    const ran = await run(
      world.admin,
      { container: 'web', command: ['cat'], stdin: true },
      {
        onSession: async (session) => {
          name = session;
          const path = `/v1/container-exec/${session}`;
          const body = { seq: 1, base64: base64('stolen') };
          const answers = [
            await world.ask('POST', path, { token: eve.accessToken, body }),
            await other.ask('POST', path, { token: eve.accessToken, body }),
          ];
          const said = answers.map((answer) => answer.body.code).join(' ');
          await world.admin.call('containers.execInput', {
            session,
            seq: 1,
            base64: base64(said),
            end: true,
          });
        },
      },
    );

    expect(ran.said).toBe('CONTAINER_NOT_RUNNING CONTAINER_NOT_RUNNING');
    await expect(
      world.admin.call('containers.execInput', { session: name, seq: 2 }),
    ).rejects.toMatchObject({ code: 'CONTAINER_NOT_RUNNING' });
  });

  it('that cannot be run says so, with the status of a shell', async () => {
    await using world = await remoteWorld();
    await using agent = await channelAgent(world, world, {
      programs: { nope: { cannotRun: 127 } },
    });
    const { id } = await agent.run('web');

    await expect(run(world.admin, { container: 'web', command: ['nope'] })).rejects.toMatchObject({
      code: 'CONTAINER_START_FAILED',
      details: { exitCode: 127 },
    });
    agent.runtime.exitContainer(id, 0);
    await expect(run(world.admin, { container: 'web', command: ['cat'] })).rejects.toMatchObject({
      code: 'CONTAINER_NOT_RUNNING',
    });
    await expect(
      run(world.admin, {
        container: 'web',
        command: Array.from({ length: 128 }, () => 'x'.repeat(4_096)),
      }),
    ).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });

  it('ends with whoever listened to it', async () => {
    await using world = await remoteWorld();
    await using agent = await channelAgent(world, world, shell);
    await agent.run('web');
    const stop = new AbortController();
    const items: ExecItem[] = [];

    const input = { container: 'web', command: ['cat'], stdin: true };
    for await (const item of world.admin.stream('containers.exec', input, {
      signal: stop.signal,
    })) {
      items.push(item);
      stop.abort();
    }

    expect(items).toMatchObject([{ session: expect.any(String) }]);
    await waitFor('it to be shut', () => agent.asked.some((frame) => 'shut' in frame) || undefined);
  });
});

// Goal: what replicas use is seen while they run.
describe('the stats of a container', () => {
  it('are those of each replica, once or each second', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const [, other = world] = world.replicas;
    const stats = { cpuPercent: 12.5, memoryBytes: 1_000, memoryLimitBytes: 2_000 };
    await using one = await channelAgent(world, world, { name: 'node-01', stats });
    await using two = await channelAgent(world, other, { name: 'node-02' });
    await one.run('web', 1);
    await two.run('web', 2);

    const once = await all(
      other.admin.stream('containers.stats', { container: 'web', once: true }),
    );
    const seen: unknown[] = [];
    for await (const item of world.admin.stream('containers.stats', { container: 'web' })) {
      seen.push(item);
      if (seen.length === 2) break;
    }

    const wanted = { replica: 1, node: 'node-01', ...stats };
    expect(once).toEqual([wanted]);
    expect(seen).toEqual([wanted, wanted]);
  });

  it('are refused where nothing runs', async () => {
    await using world = await remoteWorld();
    await using agent = await channelAgent(world);
    await agent.run('web');

    await expect(
      all(world.admin.stream('containers.stats', { container: 'web' })),
    ).rejects.toMatchObject({ code: 'CONTAINER_NOT_RUNNING' });
  });
});

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
