import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { joinToken } from '../../support/agents.js';
import { ended as endOf, runCli, runShell, startCli } from '../../support/cli.js';
import { remoteWorld } from '../../support/remote-world.js';
import { scratchFolder } from '../../support/scratch.js';
import { waitFor } from '../../support/wait-for.js';

/** Its program itself: the command would pass on what it says. */
const AGENT = path.resolve('bin/syntropy-agent.mjs');

const failureOf = (stdout: string) => JSON.parse(stdout).error;

// Goal: a machine joins with one command and stays a node with another, as a person or a script types them.
describe('the agent’s commands', () => {
  it('join, run, tell how it is going, and end when they are told to', async () => {
    await using world = await remoteWorld();
    await using machine = await scratchFolder();
    const at = { stateDir: machine.file('state') };
    const token = await joinToken(world);

    const joined = await runCli(['agent', 'join', '-', '--name', 'node-02', '--json'], {
      ...at,
      stdin: `${token}\n`,
    });
    const again = await runCli(['agent', 'join', token, '--json'], at);
    const idle = await runCli(['agent', 'status', '--json'], at);
    const agent = startCli(['agent', 'run'], at);
    await waitFor(
      'the node to be online',
      async () => (await world.admin.call('nodes.get', { node: 'node-02' })).status === 'online',
    );
    const running = await runCli(['agent', 'status', '--json'], at);
    const ended = new Promise((resolve) => agent.once('exit', resolve));
    agent.kill('SIGTERM');

    expect(joined.status).toBe(0);
    expect(JSON.parse(joined.stdout)).toMatchObject({
      schemaVersion: 1,
      agent: { node: { name: 'node-02' }, url: world.url, approval: 'approved' },
    });
    expect([again.status, failureOf(again.stdout).code]).toEqual([5, 'AGENT_JOINED']);
    expect(JSON.parse(idle.stdout).agent).toMatchObject({ isRunning: false });
    expect(JSON.parse(running.stdout).agent).toMatchObject({ isRunning: true, state: 'connected' });
    expect(await ended).toBe(0);
  }, 60_000);

  it('goes on where what it says finds no room', async () => {
    await using world = await remoteWorld();
    await using machine = await scratchFolder();
    const stateDir = machine.file('state');
    const token = await joinToken(world);
    await runCli(['agent', 'join', token, '--name', 'node-02'], { stateDir });

    const full = openSync('/dev/full', 'w');
    const agent = spawn(process.execPath, [AGENT, 'run', '--state-dir', stateDir], {
      stdio: ['ignore', 'ignore', full],
    });
    closeSync(full);
    const ended = new Promise((resolve) => agent.once('exit', resolve));
    await waitFor('its word that it is connected to be written', async () =>
      /"connected"/.test(
        await readFile(machine.file('state/agent/logs/agent.log'), 'utf8').catch(() => ''),
      ),
    );
    const { status } = await world.admin.call('nodes.get', { node: 'node-02' });
    agent.kill('SIGTERM');

    expect(status).toBe('online');
    expect(await ended).toBe(0);
  });

  it.each([
    ['a token that was cut', (token: string) => [token.slice(0, -3)], 3, 'JOIN_TOKEN_INVALID'],
    [
      'a name that cannot be one',
      (token: string) => [token, '--name', 'No Name'],
      2,
      'NAME_INVALID',
    ],
    [
      'another port',
      (token: string) => [token, '--url', 'https://127.0.0.1:9'],
      6,
      'DAEMON_UNREACHABLE',
    ],
    ['no address', (token: string) => [token, '--url', 'nowhere'], 2, 'USAGE_INVALID'],
    [
      'a name that does not resolve',
      (token: string) => [token, '--url', 'https://nowhere.invalid:8080'],
      6,
      'DAEMON_UNREACHABLE',
    ],
  ])('say what is wrong with %s, and keep nothing', async (_, args, status, code) => {
    await using world = await remoteWorld();
    await using machine = await scratchFolder();
    const at = { stateDir: machine.file('state') };
    const token = await joinToken(world);

    const result = await runCli(['agent', 'join', ...args(token), '--json'], at);
    const after = await runCli(['agent', 'status', '--json'], at);

    expect([result.status, failureOf(result.stdout).code]).toEqual([status, code]);
    expect(failureOf(after.stdout).code).toBe('AGENT_NOT_JOINED');
  });

  it('say how to run what has joined, also where it is kept in a directory of its own', async () => {
    await using world = await remoteWorld();
    await using machine = await scratchFolder();
    const [here, there] = [machine.file('here'), machine.file('it’s there')];
    const token = await joinToken(world, { uses: 2 });

    const usual = await runCli(['agent', 'join', token, '--name', 'a'], { stateDir: here });
    const own = await runCli(['agent', 'join', token, '--name', 'b', '--state-dir', there]);

    expect(usual.stderr).toBe('Run its agent with: syntropy agent run\n');
    expect(own.stderr).toBe(`Run its agent with: syntropy agent run --state-dir '${there}'\n`);
  });

  it('leave, which ends the agent that runs and takes the keys away', async () => {
    await using world = await remoteWorld();
    await using machine = await scratchFolder();
    const at = { stateDir: machine.file('state') };
    await runCli(['agent', 'join', await joinToken(world), '--name', 'node-02'], at);
    const agent = startCli(['agent', 'run'], at);
    const ended = new Promise((resolve) => agent.once('exit', resolve));
    await waitFor(
      'the node to be online',
      async () => (await world.admin.call('nodes.get', { node: 'node-02' })).status === 'online',
    );

    const unsure = await runCli(['agent', 'leave', '--json'], at);
    const left = await runCli(['agent', 'leave', '--yes', '--json'], at);
    const node = await world.admin.call('nodes.get', { node: 'node-02' });
    const after = await runCli(['agent', 'status', '--json'], at);

    expect(unsure.status).toBe(2);
    expect(JSON.parse(left.stdout)).toMatchObject({
      agent: { node: { name: 'node-02' }, told: true },
    });
    expect(node).toMatchObject({ status: 'lost', statusReason: 'It left the grid.' });
    expect(node.agent).toBeUndefined();
    expect(failureOf(after.stdout).code).toBe('AGENT_NOT_JOINED');
    expect(await ended).toBe(0);
    const kept = await readdir(path.join(at.stateDir, 'agent'));
    expect(kept.filter((name) => /identity|node|target/.test(name))).toEqual([]);
  }, 60_000);

  it('leave a grid that is gone only when they are told to', async () => {
    await using machine = await scratchFolder();
    const at = { stateDir: machine.file('state') };
    {
      await using world = await remoteWorld();
      await runCli(['agent', 'join', await joinToken(world), '--name', 'node-02'], at);
    }

    const kept = await runCli(['agent', 'leave', '--yes', '--json'], at);
    const forced = await runCli(['agent', 'leave', '--yes', '--force', '--json'], at);

    expect([kept.status, failureOf(kept.stdout).code]).toEqual([6, 'DAEMON_UNREACHABLE']);
    expect(JSON.parse(forced.stdout)).toMatchObject({ agent: { told: false } });
  });

  it('are about this machine, whichever daemon the context means', async () => {
    await using machine = await scratchFolder();
    const at = { stateDir: machine.file('state') };
    const elsewhere = { url: 'https://grid.example:8080', trust: { kind: 'system' } };
    await mkdir(at.stateDir);
    await writeFile(
      path.join(at.stateDir, 'contexts.json'),
      JSON.stringify({ current: 'prod', contexts: { prod: elsewhere } }),
    );

    const codes = await Promise.all(
      [['status'], ['join', 'x'], ['leave', '--yes']].map(async (verb) => {
        const { stdout } = await runCli(['agent', ...verb, '--json'], at);
        return failureOf(stdout).code;
      }),
    );
    const run = await runCli(['agent', 'run'], at);
    const asked = await runCli(['agent', 'status', '--context', 'prod', '--json'], at);

    expect(codes).toEqual(['AGENT_NOT_JOINED', 'JOIN_TOKEN_INVALID', 'AGENT_NOT_JOINED']);
    expect(run.stderr).toContain('This machine has joined no grid.');
    expect(failureOf(asked.stdout).message).toContain('There is no flag --context');
  });

  it('say which process runs already, which ends with the command that started it', async () => {
    await using world = await remoteWorld();
    await using machine = await scratchFolder();
    const at = { stateDir: machine.file('state') };
    await runCli(['agent', 'join', await joinToken(world), '--name', 'node-02'], at);
    const command = startCli(['agent', 'run'], at);
    await waitFor(
      'the node to be online',
      async () => (await world.admin.call('nodes.get', { node: 'node-02' })).status === 'online',
    );
    const { pid } = JSON.parse((await runCli(['agent', 'status', '--json'], at)).stdout).agent;

    const second = await runCli(['agent', 'run'], at);
    command.kill('SIGKILL');
    await waitFor('the agent to end as well', async () => {
      const { stdout } = await runCli(['agent', 'status', '--json'], at);
      return !JSON.parse(stdout).agent.isRunning;
    });

    expect(second.status).toBe(5);
    expect(second.stderr).toContain(`process ${pid}`);
    expect(second.stderr).toContain('systemctl stop syntropy-agent');
  }, 60_000);

  it('read no more of a pipe than a token can be long', async () => {
    await using machine = await scratchFolder();
    const at = { stateDir: machine.file('state') };

    const endless = await runShell('yes | syntropy agent join - --json', at);

    expect([endless.status, failureOf(endless.stdout).code]).toEqual([3, 'JOIN_TOKEN_INVALID']);
  });

  it.each(['', 'null', '{"token":'])(
    'take %j on the stdin of their program for no token',
    async (given) => {
      await using machine = await scratchFolder();

      const program = spawn(process.execPath, [
        AGENT,
        'join',
        '--state-dir',
        machine.file('state'),
      ]);
      program.stdin.end(given);
      const { status, stderr } = await endOf(program);

      expect(status).toBe(3);
      expect(stderr).toContain('no join token');
    },
  );

  it('run nothing where nothing was joined', async () => {
    const result = await runCli(['agent', 'run']);

    expect(result.status).toBe(5);
    expect(result.stderr).toContain('agent join');
  });
});
