import { copyFile, mkdir, readlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { buildAgent } from '../../../scripts/build-agent.mjs';
import { documentOf } from '../../support/cli.js';
import { daemonProcess } from '../../support/daemon-process.js';
import { installedAgent } from '../../support/installed-agent.js';
import { scratchFolder } from '../../support/scratch.js';

/** One that ends as soon as it is started. */
async function breakRelease(folder: string, version: string): Promise<void> {
  const out = path.join(folder, version);
  await mkdir(out);
  for (const name of ['launch.sh', 'syntropy-agent.service']) {
    await copyFile(path.join('dist/agent', name), path.join(out, name));
  }
  await writeFile(path.join(out, 'agent.mjs'), 'throw new TypeError("broken");\n');
}

// Goal: `node update --agent-version` brings a real agent to another version, and a broken one costs nothing but a message.
describe('node update --agent-version', () => {
  it('replaces the agent, goes back from one that is broken, and says so', async () => {
    await using scratch = await scratchFolder();
    const releases = scratch.file('releases');
    await mkdir(releases);
    await buildAgent(path.join(releases, '0.2.0-test'), '0.2.0-test');
    await breakRelease(releases, '0.3.0-broken');
    await using daemon = await daemonProcess({
      env: { SYNTROPY_AGENT_RELEASES: releases, SYNTROPY_API_LISTEN: '127.0.0.1:0' },
      cliTimeoutMs: 120_000,
    });
    const { cli } = daemon;
    const { token } = documentOf(await cli('node', 'token', 'create', '--json'));
    const stateDir = scratch.file('machine');
    const machine = ['--name', 'node-02', '--state-dir', stateDir, '--json'];
    const joined = await cli('agent', 'join', String(token), ...machine);
    expect(joined.status, joined.stdout).toBe(0);
    await using agent = await installedAgent(scratch.path, stateDir);
    await cli('node', 'wait', 'node-02', '--for', 'online', '--timeout', '60s');
    const waiting = ['--wait', '--timeout', '90s', '--json'];
    const update = (version: string) =>
      cli('node', 'update', 'node-02', '--agent-version', version, ...waiting);
    const versionNow = async () =>
      (await daemon.client.call('nodes.get', { node: 'node-02' })).agent?.version;

    const replaced = await update('0.2.0-test');
    const version = await versionNow();
    const broken = await update('0.3.0-broken');
    const versionAfter = await versionNow();
    const latest = await update('latest');

    expect(replaced.status, replaced.stdout).toBe(0);
    expect(version).toBe('0.2.0-test');
    expect(broken.status).toBe(1);
    expect(documentOf(broken)).toMatchObject({
      error: {
        code: 'NODE_ORDER_FAILED',
        message:
          'Node node-02 could not do it: 0.3.0-broken did not come back, so 0.2.0-test runs again.',
        details: { problem: 'UPDATE_FAILED' },
      },
    });
    expect(versionAfter).toBe('0.2.0-test');
    expect(latest.status, latest.stdout).toBe(0);
    expect(await versionNow()).toBe('0.1.0');
    expect(path.basename(await readlink(agent.home.current))).toMatch(/^0\.1\.0-/);
    // To be started anew, each time: by itself, three times by the launcher, by itself again.
    expect(new Set(agent.statuses)).toEqual(new Set([75]));
  });
});
