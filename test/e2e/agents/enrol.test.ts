import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { testAuthority } from '../../support/certificates.js';
import { type DaemonProcess, daemonProcess } from '../../support/daemon-process.js';
import { privateSystem } from '../../support/private-system.js';
import { missing } from '../../support/requirements.js';

const SEED = '/etc/syntropy';
const run = promisify(execFile);

/** A daemon, and a machine that has just started from a stick: what was on it lies where cloud-init puts it. */
async function enrolWorld() {
  const stack = new AsyncDisposableStack();
  const daemon = stack.use(
    await daemonProcess({
      env: { SYNTROPY_API_LISTEN: '127.0.0.1:0', SYNTROPY_LOG_LEVEL: 'info' },
    }),
  );
  const system = stack.use(await privateSystem());
  const { api } = await daemon.client.call('daemon.get', {});
  const output = path.join(daemon.home, 'stick.img');
  const written = await daemon.cli('node', 'create', '--name', 'node-01', '--output', output);
  expect(written.status, written.stderr).toBe(0);
  const script = '/usr/local/lib/enrol.sh';
  for (const [name, to] of [
    ['join.env', `${SEED}/join.env`],
    ['ca.pem', `${SEED}/ca.pem`],
    ['enrol.sh', script],
  ] as const) {
    await run('mcopy', ['-i', `${output}@@1M`, `::/syntropy/${name}`, system.inside(to)]);
  }
  await chmod(system.inside(script), 0o755);
  const env = await readFile(system.inside(`${SEED}/join.env`), 'utf8');
  return {
    daemon,
    system,
    url: api?.url ?? '',
    env,
    token: /SYNTROPY_JOIN_TOKEN=(\S+)/.exec(env)?.[1] ?? '',
    enrol: () => system.run(script, SEED),
    joined: () => joinedTimes(daemon),
    node: () => daemon.client.call('nodes.get', { node: 'node-01' }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** How often a machine has asked to join. */
async function joinedTimes({ stateDir }: DaemonProcess): Promise<number> {
  const log = await readFile(path.join(stateDir, 'logs/daemon.log'), 'utf8');
  return log.split('"route":"/v1/agents"').length - 1;
}

// Goal: what is on a stick, and nothing else, makes the machine that starts from it a node with an agent of its own.
describe.skipIf(missing('root', 'mounts', 'mtools'))('a machine that starts from a stick', () => {
  it('fetches the agent, joins, installs it, and leaves no copy of the token', async () => {
    await using made = await enrolWorld();
    const { system, token } = made;
    await mkdir(system.inside('/var/lib/cloud/instance'), { recursive: true });
    await writeFile(system.inside('/var/lib/cloud/instance/user-data.txt'), made.env);

    const { status, output } = await made.enrol();

    expect(status, output).toBe(0);
    expect(await made.node()).toMatchObject({ status: 'joining', agent: { approval: 'approved' } });
    const home = '/usr/local/lib/syntropy-agent';
    expect(await readlink(system.inside(`${home}/current`))).toMatch(/^releases\/0\.1\.0-/);
    expect(await readdir(system.inside(`${home}/current`))).toEqual(
      expect.arrayContaining(['agent.mjs', 'launch.sh', 'manifest', 'node']),
    );
    const unit = await readFile(
      system.inside('/etc/systemd/system/syntropy-agent.service'),
      'utf8',
    );
    expect(unit).toContain(
      `ExecStart=${home}/launch.sh run --home ${home} --state-dir /var/lib/syntropy --allow-restart --allow-update\n`,
    );
    expect(unit).toContain('ConditionPathExists=/var/lib/syntropy/agent/node.json\n');
    for (const file of [`${SEED}/join.env`, '/var/lib/cloud/instance/user-data.txt']) {
      const text = await readFile(system.inside(file), 'utf8');
      expect(text).toContain('SYNTROPY_NAME=node-01');
      expect(text).not.toContain(token);
    }
  });

  it('may be tried again, and goes on where it was', async () => {
    await using made = await enrolWorld();
    const first = await made.enrol();

    const second = await made.enrol();

    expect(first.status, first.output).toBe(0);
    expect(second.status, second.output).toBe(0);
    expect(await made.joined()).toBe(1);
  });

  it('sends nothing to a daemon that the authority on the stick does not vouch for', async () => {
    await using made = await enrolWorld();
    const foreign = await testAuthority();
    await writeFile(made.system.inside(`${SEED}/ca.pem`), foreign.certificate);

    const { status, output } = await made.enrol();

    // To be tried again: a machine in between may go away.
    expect(status, output).toBe(6);
    expect(output).toContain('could not be fetched');
    expect(await made.joined()).toBe(0);
  });

  it('says that its token was revoked, and does not try again', async () => {
    await using made = await enrolWorld();
    const { nodeTokens } = await made.daemon.client.call('nodeTokens.list', {});
    await made.daemon.client.call('nodeTokens.revoke', { nodeToken: nodeTokens[0]?.id ?? '' });

    const { status, output } = await made.enrol();

    expect(status, output).toBe(3);
    expect(output).toContain('This join token was revoked.');
    expect(await readdir(made.system.inside('/etc/systemd/system'))).toEqual([]);
  });

  it('does not try again where the daemon has no agent for it', async () => {
    await using made = await enrolWorld();
    const env = made.env.replace(made.url, `${made.url}/elsewhere`);
    await writeFile(made.system.inside(`${SEED}/join.env`), env);

    const { status, output } = await made.enrol();

    expect(status, output).toBe(8);
    expect(output).toContain('the daemon has no /v1/agent/releases/latest/linux-x64 (status 404)');
  });

  it('does not take a file that is not the one that was announced', async () => {
    await using made = await enrolWorld();
    const first = await made.enrol();
    const packed = path.join(made.daemon.stateDir, 'agent-files');
    for (const name of await readdir(packed)) {
      await writeFile(path.join(packed, name), gzipSync('another program'));
    }

    const { status, output } = await made.enrol();

    expect(first.status, first.output).toBe(0);
    expect(status, output).toBe(6);
    expect(output).toContain('did not arrive whole');
  });
});

// Goal: an existing machine gets the same agent by one command.
describe.skipIf(missing('root', 'mounts', 'mtools'))('agent install', () => {
  it('installs this program as a service, and uninstall takes it away', async () => {
    await using made = await enrolWorld();
    const { daemon, system } = made;
    const { token } = await daemon.client.call('nodeTokens.create', { daemonUrl: made.url });
    const state = ['--state-dir', '/var/lib/syntropy'];
    const cli = (...argv: string[]) =>
      system.run(process.execPath, path.resolve('bin/syntropy.cjs'), ...argv, ...state);

    const tooEarly = await cli('agent', 'install');
    const joined = await cli('agent', 'join', token ?? '', '--name', 'node-02');
    const installed = await cli('agent', 'install', '--allow-update', '--json');
    const unit = await readFile(
      system.inside('/etc/systemd/system/syntropy-agent.service'),
      'utf8',
    );
    const again = await cli('agent', 'install');
    const removed = await cli('agent', 'uninstall', '--yes');
    const twice = await cli('agent', 'uninstall', '--yes', '--json');

    expect(tooEarly.status, tooEarly.output).toBe(5);
    expect(joined.status, joined.output).toBe(0);
    expect(JSON.parse(installed.output)).toMatchObject({
      service: {
        unitFile: '/etc/systemd/system/syntropy-agent.service',
        home: '/usr/local/lib/syntropy-agent',
        version: '0.1.0',
        started: false,
      },
    });
    expect(unit).toContain(' --allow-update\n');
    expect(unit).not.toContain('--allow-restart');
    expect(again.status, again.output).toBe(0);
    expect(removed.status, removed.output).toBe(0);
    expect(await readdir(system.inside('/usr/local/lib'))).not.toContain('syntropy-agent');
    expect(twice.status).toBe(4);
    expect(twice.output).toContain('AGENT_NOT_INSTALLED');
  });
});
