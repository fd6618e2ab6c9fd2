import { describe, expect, it } from 'vitest';

import type { OperationOutput } from '../../../src/contract/registry.js';

import { channelAgent } from '../../support/channel-agent.js';
import { all, base64, runCommand, shell } from '../../support/channels.js';
import { remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';

type ExecItem = OperationOutput<'containers.exec'>;

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

    const ran = await runCommand(
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

    const ran = await runCommand(
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

  it('is in the audit log, and what is typed into it is not', async () => {
    await using world = await remoteWorld();
    await using agent = await channelAgent(world, world, shell);
    await agent.run('web');

    await runCommand(
      world.admin,
      { container: 'web', command: ['cat'], stdin: true },
      {
        onSession: async (session) => {
          const write = { session, seq: 1, base64: base64('hello'), end: true };
          await world.admin.call('containers.execInput', write);
        },
      },
    );

    const { entries } = await world.admin.call('audit.list', {});
    const told = entries.filter(({ operation }) => operation.startsWith('containers.exec'));
    expect(told).toMatchObject([
      { operation: 'containers.exec', object: { kind: 'container', ref: 'web' }, outcome: 'ok' },
    ]);
  });

  it('takes nothing from another member, nor after its end', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const [, other = world] = world.replicas;
    await using agent = await channelAgent(world, world, shell);
    await agent.run('web');
    const eve = await world.signedIn('eve', { roles: ['operator'] });
    let name = '';

    const ran = await runCommand(
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

    await expect(
      runCommand(world.admin, { container: 'web', command: ['nope'] }),
    ).rejects.toMatchObject({
      code: 'CONTAINER_START_FAILED',
      details: { exitCode: 127 },
    });
    agent.runtime.exitContainer(id, 0);
    await expect(
      runCommand(world.admin, { container: 'web', command: ['cat'] }),
    ).rejects.toMatchObject({
      code: 'CONTAINER_NOT_RUNNING',
    });
    await expect(
      runCommand(world.admin, {
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
