import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { AgentLog } from '../../../src/agent/agent-log.js';
import { MAX_READERS } from '../../../src/daemon/agents/log-requests.js';
import { joinToken, testAgent } from '../../support/agents.js';
import { runCli } from '../../support/cli.js';
import { type RemoteWorld, type Replica, remoteWorld } from '../../support/remote-world.js';
import { scratchFolder } from '../../support/scratch.js';
import { waitFor } from '../../support/wait-for.js';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Reads until there are so many lines, then goes away. */
async function read(
  { admin }: Pick<Replica, 'admin'>,
  input: { lines?: number; follow?: boolean },
  wanted: number,
  onLine: (count: number) => void = () => undefined,
) {
  const lines: string[] = [];
  for await (const entry of admin.stream('nodes.logs', { node: 'node-02', ...input })) {
    if ('dropped' in entry) continue;
    lines.push(String(JSON.parse(entry.line).msg));
    onLine(lines.length);
    if (lines.length === wanted) break;
  }
  return lines;
}

async function onlineAt(world: Replica, agent: Awaited<ReturnType<typeof testAgent>>) {
  await agent.join(await joinToken(world), 'node-02');
  await agent.run();
  await waitFor('the node to be online', async () => {
    const node = await world.admin.call('nodes.get', { node: 'node-02' });
    return node.status === 'online';
  });
}

/** A transaction that changes a node, and goes on for as long as the test does. */
async function held({ database }: RemoteWorld, name: string) {
  const client = await database.pool.connect();
  await client.query('begin');
  await client.query('select from nodes where name = $1 for update', [name]);
  return {
    async [Symbol.asyncDispose]() {
      await client.query('rollback');
      client.release();
    },
  };
}

// Goal: an operator sees what an agent says from wherever it is connected, and nothing else of the machine.
describe('the log of a node', () => {
  it('ends with its last lines, and goes on with new ones', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await onlineAt(world, agent);
    for (let line = 1; line <= 200; line += 1) agent.agentLog.info(`line ${line}`, {});

    const last = await read(world, { lines: 150 }, 999);
    const followed = await read(world, { lines: 2, follow: true }, 4, (count) => {
      if (count === 2) for (const n of [201, 202]) agent.agentLog.info(`line ${n}`, {});
    });

    expect(last).toEqual(Array.from({ length: 150 }, (_, at) => `line ${at + 51}`));
    expect(followed).toEqual(['line 199', 'line 200', 'line 201', 'line 202']);
  });

  it('is read through another daemon than the one it is connected to', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const [, other = world] = world.replicas;
    await using agent = await testAgent();
    await onlineAt(world, agent);
    for (let line = 1; line <= 70; line += 1) agent.agentLog.info(`line ${line} “€”`, {});

    const last = await read(other, { lines: 70 }, 999);
    const followed = await read(other, { lines: 1, follow: true }, 2, (count) => {
      if (count === 1) agent.agentLog.info('new', {});
    });

    expect(last).toEqual(Array.from({ length: 70 }, (_, at) => `line ${at + 1} “€”`));
    expect(followed).toEqual(['line 70 “€”', 'new']);
  });

  it('is read as often and by as many as may, and the node stays connected', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await onlineAt(world, agent);
    for (let line = 1; line <= 1_000; line += 1) agent.agentLog.info(`line ${line}`, {});

    const counts: number[] = [];
    for (let n = 0; n < 20; n += 1) {
      counts.push((await read(world, { lines: 1_000 }, 999_999)).length);
    }

    expect(counts).toEqual(Array.from({ length: 20 }, () => 1_000));
    expect(agent.log.filter((line) => line.startsWith('not connected'))).toEqual([]);
  });

  it('is followed by as many as may while it is busy, and the node stays connected', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await onlineAt(world, agent);
    const everyMs = 50;
    // More frames of all together than an agent may send unasked: one each for every half a second.
    const wanted = 10_000 / everyMs;
    const busy = setInterval(() => agent.agentLog.info('busy', {}), everyMs);

    const followed = await Promise.all(
      Array.from({ length: MAX_READERS }, () => read(world, { lines: 0, follow: true }, wanted)),
    ).finally(() => clearInterval(busy));

    expect(followed.map((lines) => lines.length)).toEqual(followed.map(() => wanted));
    expect(agent.log.filter((line) => line.startsWith('not connected'))).toEqual([]);
  }, 30_000);

  it('is read while something changes the node', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await onlineAt(world, agent);
    agent.agentLog.info('here', {});
    await using _ = await held(world, 'node-02');

    expect(await read(world, { lines: 1 }, 1)).toEqual(['here']);
  });

  it('cannot be read of a node that is not connected, nor by another member', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    const ana = await world.signedIn('ana', { roles: ['member'] });

    await expect(read(world, {}, 1)).rejects.toMatchObject({ code: 'NODE_OFFLINE' });
    const refused = await world.ask('GET', '/v1/nodes/node-02/logs', { token: ana.accessToken });
    expect(refused.body.code).toBe('PERMISSION_DENIED');
  });

  it('ends with a word when the node goes in the middle', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await onlineAt(world, agent);
    agent.agentLog.info('here', {});

    const reading = read(world, { lines: 1, follow: true }, 2, () => void agent.stop());

    await expect(reading).rejects.toMatchObject({ code: 'NODE_OFFLINE' });
  });

  it('is shown by a command', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await onlineAt(world, agent);
    agent.agentLog.info('all is well', { node: 'node-02' });
    agent.agentLog.warn('the clock is off', { skewMs: 7 });
    const at = { stateDir: path.dirname(world.socketPath) };

    const shown = await runCli(['node', 'logs', 'node-02', '--level', 'warn'], at);
    const machine = await runCli(['node', 'logs', 'node-02', '--json', '--lines', '1'], at);

    expect(shown.stdout).toMatch(/^\S+ WARN {2}the clock is off skewMs=7\n$/);
    expect(JSON.parse(machine.stdout)).toMatchObject({
      line: { level: 'warn', message: 'the clock is off', fields: { skewMs: 7 } },
    });
  }, 30_000);
});

describe('the log file of an agent', () => {
  it('is bounded, and outlasts the agent', async () => {
    await using folder = await scratchFolder();
    const log = new AgentLog(folder.path, quiet);
    const long = 'x'.repeat(1_900);
    for (let batch = 0; batch < 12; batch += 1) {
      for (let line = 0; line < 200; line += 1) log.info(`${batch}-${line}`, { long });
      await log.settled();
    }

    const after = await new AgentLog(folder.path, quiet).tail(10_000);

    expect(JSON.parse(after.at(-1) ?? '')).toMatchObject({ msg: '11-199' });
    expect(after.length).toBeLessThan(2_000);
    expect(after.length).toBeGreaterThan(200);
  });

  it('costs lines and nothing else when it cannot be written', async () => {
    await using folder = await scratchFolder();
    const log = new AgentLog(folder.file(`none-${randomUUID()}/\0`), quiet);

    log.info('one', {});
    await log.settled();

    expect(await log.tail(1).catch(() => 'unreadable')).toBe('unreadable');
  });
});
