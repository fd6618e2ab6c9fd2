import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { describeNode } from '../../../src/cli/node-view.js';
import { joinToken, testAgent } from '../../support/agents.js';
import { documentOf, runCli } from '../../support/cli.js';
import { type RemoteWorld, remoteWorld } from '../../support/remote-world.js';
import { nodeNamed, scriptedDaemon } from '../../support/scripted-daemon.js';
import { waitFor } from '../../support/wait-for.js';

const failureOf = (stdout: string) => JSON.parse(stdout).error;

/** A daemon, a machine that is its node, and the command of whoever runs the grid. */
async function grid(options: { readonly mayRestart?: boolean } = {}) {
  const world = await remoteWorld();
  const agent = await testAgent(options);
  await agent.join(await joinToken(world), 'node-02');
  await agent.run();
  await waitFor('the node to be online', () => isOnline(world));
  return {
    world,
    agent,
    cli: (...argv: string[]) => runCli(argv, { stateDir: path.dirname(world.socketPath) }),
    async [Symbol.asyncDispose]() {
      await agent[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

async function isOnline({ admin }: RemoteWorld): Promise<boolean> {
  return (await admin.call('nodes.get', { node: 'node-02' })).status === 'online';
}

// Goal: whoever tells a node something learns whether it was done, in a terminal and in a script.
describe('the commands that tell a node something', () => {
  it('wait until it has done it', async () => {
    await using grown = await grid();

    const offered = await grown.cli(
      ...'node update node-02 --offer cpu=2,memory=4GiB --location attic'.split(' '),
      ...'--wait --timeout 20s --json'.split(' '),
    );
    const drained = await grown.cli('node', 'drain', 'node-02', '--reason', 'new disk', '--wait');
    const shown = await grown.cli('node', 'status', 'node-02');
    const listed = await grown.cli('node', 'list');
    const freed = await grown.cli('node', 'undrain', 'node-02', '--wait', '--json');
    const taken = await grown.cli('node', 'update', 'node-02', '--offer', 'none', '--json');

    expect(documentOf(offered)).toMatchObject({
      node: { location: 'attic', offer: { cpuMillis: 2_000, memoryBytes: 2 ** 32 } },
    });
    expect(drained.stdout).toBe('Node node-02 takes no new work.\n');
    expect(shown.stdout).toMatch(/Offer: +cpu=2, memory=4 GiB\n/);
    expect(shown.stdout).toMatch(/Drained: +for \d+s: new disk\n/);
    expect(listed.stdout).toContain('online, drained');
    expect(documentOf(freed)).toMatchObject({ node: { agent: { problems: [] } } });
    expect(documentOf(taken)).not.toHaveProperty('node.offer');
  }, 60_000);

  it('refuse an offer that cannot be read, and one that is beyond the machine', async () => {
    await using grown = await grid();

    const unreadable = await grown.cli('node', 'update', 'node-02', '--offer', 'cpu=two', '--json');
    const beyond = await grown.cli('node', 'update', 'node-02', '--offer', 'cpu=4.5', '--json');

    expect([unreadable.status, failureOf(unreadable.stdout).code]).toEqual([2, 'USAGE_INVALID']);
    expect([beyond.status, failureOf(beyond.stdout).code]).toEqual([5, 'OFFER_EXCEEDS_HARDWARE']);
  });

  it('restart it, and wait for another start', async () => {
    await using grown = await grid({ mayRestart: true });

    const waiting = grown.cli('node', 'restart', 'node-02', '--wait', '--timeout', '30s', '--json');
    await waitFor('it to go down', () => grown.agent.restarts.length > 0);
    await grown.agent.stop();
    await grown.agent.run('boot-2');
    const back = await waiting;

    expect(documentOf(back)).toMatchObject({
      node: { status: 'online', agent: { bootId: 'boot-2' } },
    });
  }, 60_000);

  it('say that it may not be restarted, instead of waiting for it', async () => {
    await using grown = await grid();

    const refused = await grown.cli('node', 'restart', 'node-02', '--wait', '--json');

    expect(refused.status).toBe(1);
    expect(failureOf(refused.stdout)).toMatchObject({
      code: 'NODE_ORDER_FAILED',
      message: expect.stringContaining('--allow-restart'),
      details: { problem: 'RESTART_NOT_ALLOWED' },
    });
  }, 60_000);

  it('take a restart that was refused for what it is, and nothing else for it', async () => {
    await using grown = await grid();
    await grown.cli('node', 'restart', 'node-02', '--wait');

    const offered = await grown.cli('node', 'update', 'node-02', '--offer', 'cpu=1', '--wait');
    const drained = await grown.cli('node', 'drain', 'node-02', '--wait');
    const health = await grown.cli('node', 'health', 'node-02', '--json');

    expect(offered.status, offered.stderr).toBe(0);
    expect(drained.status, drained.stderr).toBe(0);
    expect(health.status, health.stdout).toBe(0);
  }, 60_000);

  it('say that it cannot take in what it is told, instead of waiting for it', async () => {
    await using grown = await grid();
    // As a disk does that takes nothing: the file cannot be replaced.
    const target = path.join(grown.agent.files.directory, 'target.json');
    await waitFor('the first target to be kept', () => grown.agent.files.target());
    await rm(target);
    await mkdir(path.join(target, 'full'), { recursive: true });

    const refused = await grown.cli('node', 'drain', 'node-02', '--wait', '--json');

    expect(refused.status).toBe(1);
    expect(failureOf(refused.stdout)).toMatchObject({
      code: 'NODE_ORDER_FAILED',
      details: { problem: 'TARGET_NOT_KEPT' },
    });
  }, 60_000);

  it('say that an order is kept for a node that is not there, by its name', async () => {
    const at = '2026-01-02T03:04:05.000Z';
    const away = nodeNamed('node-02', {
      status: 'offline',
      agent: {
        approval: 'approved',
        joinedAt: at,
        generation: 2,
        observedGeneration: 1,
        problems: [],
      },
    });
    await using daemon = await scriptedDaemon({
      'nodes.drain': () => away,
      'nodes.get': () => away,
      'events.list': () => ({ events: [], cursor: '0' }),
      'events.follow': () => undefined,
    });

    const drained = await runCli(
      ['node', 'drain', 'node-02', '--wait', '--timeout', '1s', '--json'],
      daemon,
    );

    expect([drained.status, failureOf(drained.stdout)]).toMatchObject([
      7,
      {
        message:
          'Node node-02 is offline, and not as it was told to be, in time. The order is kept until it comes back.',
        details: { node: away.id, status: 'offline' },
      },
    ]);
  });

  it('list in a word what stands in full in the status', async () => {
    const problem = 'There is no Docker and no Podman here, or their sockets cannot be opened.';
    const bare = nodeNamed('node-02', {
      agent: {
        approval: 'approved',
        joinedAt: '2026-01-02T03:04:05.000Z',
        generation: 1,
        observedGeneration: 1,
        problems: [],
        engineProblem: problem,
      },
    });
    await using daemon = await scriptedDaemon({ 'nodes.list': () => ({ nodes: [bare] }) });

    const list = await runCli(['node', 'list', '--columns', 'name,engine'], daemon);

    expect(list.stdout).toMatch(/node-02 +none\n$/);
    expect(describeNode(bare)).toContain(`none: ${problem}`);
  });

  it('restart and delete nothing that is not there, but by force', async () => {
    await using grown = await grid();
    await grown.agent.stop();
    await waitFor('it to be gone', async () => {
      const { agent } = await grown.world.admin.call('nodes.get', { node: 'node-02' });
      return agent?.connectedAt === undefined;
    });

    const restart = await grown.cli('node', 'restart', 'node-02', '--json');
    const kept = await grown.cli('node', 'delete', 'node-02', '--yes', '--json');
    const forced = await grown.cli('node', 'delete', 'node-02', '--yes', '--force', '--json');

    expect([restart.status, failureOf(restart.stdout).code]).toEqual([5, 'NODE_OFFLINE']);
    expect([kept.status, failureOf(kept.stdout).code]).toEqual([5, 'NODE_OFFLINE']);
    expect(failureOf(kept.stdout).hint).toContain('--force');
    expect(documentOf(forced)).toMatchObject({ outcome: 'removed' });
  }, 60_000);
});
