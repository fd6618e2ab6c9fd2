import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

import { buildAgent } from '../../../scripts/build-agent.mjs';
import { bootedMachine } from '../../support/booted-machine.js';
import { documentOf } from '../../support/cli.js';
import { daemonProcess } from '../../support/daemon-process.js';
import { debianImage, ROOT_STARTS_MIB } from '../../support/debian-image.js';
import { loopDevice } from '../../support/loop-device.js';
import { missing } from '../../support/requirements.js';
import { scratchFolder } from '../../support/scratch.js';
import { waitFor } from '../../support/wait-for.js';

const TEST_TIMEOUT_MS = 1_200_000;
/** An emulated machine is some ten times slower than a real one. */
const PATIENCE_MS = 300_000;
const PATIENCE = ['--timeout', '290s'] as const;
const NEXT_VERSION = '0.2.0-test';

const run = promisify(execFile);

/** Files of a disk that hold a text, be it on the partition with the identity (also where files were) or among what the system keeps. */
async function filesWith(text: string, disk: string): Promise<string> {
  await using scratch = await scratchFolder();
  const dd = [`if=${disk}`, 'bs=1M', 'conv=sparse', 'status=none'];
  const [identity, root] = [scratch.file('identity'), scratch.file('root')];
  await run('dd', [...dd, `of=${identity}`, `count=${ROOT_STARTS_MIB}`]);
  await run('dd', [...dd, `of=${root}`, `skip=${ROOT_STARTS_MIB}`]);
  // As the next start would: the power was cut. It ends with 1 when it has mended something.
  await run('e2fsck', ['-fy', root]).catch(() => undefined);
  for (const folder of ['/etc', '/var/lib', '/var/log']) {
    await run('debugfs', ['-R', `rdump ${folder} ${scratch.path}`, root]);
  }
  await rm(root);
  const grep = ['--recursive', '--files-with-matches', '--fixed-strings', '-e', text];
  // It ends with an error when there was anything that it could not read, such as a socket.
  const { stdout } = await run('grep', [...grep, scratch.path]).catch(
    (error: { stdout: string }) => error,
  );
  return stdout;
}

// Goal: the whole way of a machine: a stick is written, an ordinary Debian starts from it, joins by itself, obeys, outlives a power cut,
// and is gone when it is deleted.
describe.skipIf(missing('root', 'loop', 'qemu', 'debian'))(
  'a machine that starts from a stick',
  () => {
    it(
      'joins, starts anew and replaces its agent when it is told, comes back after a power cut, and cannot come back once it was deleted',
      async () => {
        const image = await debianImage();
        await using releases = await scratchFolder();
        await buildAgent(releases.file(NEXT_VERSION), NEXT_VERSION);
        await using daemon = await daemonProcess({
          env: { SYNTROPY_API_LISTEN: '127.0.0.1:0', SYNTROPY_AGENT_RELEASES: releases.path },
          cliTimeoutMs: PATIENCE_MS,
        });
        const { cli, client } = daemon;
        const { api } = await client.call('daemon.get', {});
        await using device = await loopDevice({ sizeBytes: 2 * 2 ** 30, empty: true });
        const target = ['--usb', device.path, '--accept-risk', 'not-removable', '--yes'];
        const reached = `https://10.0.2.2:${new URL(api?.url ?? '').port}`;
        const addressed = ['--image', image, '--daemon-url', reached, '--json'];
        const written = await cli('node', 'create', '--name', 'node-42', ...target, ...addressed);
        expect(documentOf(written)).toMatchObject({ node: { status: 'provisioned' } });
        const { stdout: env } = await run('mtype', [
          '-i',
          `${device.path}@@1M`,
          '::/syntropy/join.env',
        ]);
        const token = /SYNTROPY_JOIN_TOKEN=(\S+)/.exec(env)?.[1] ?? 'no token';

        // From what is behind the device, which nothing on this host keeps a copy of.
        await using machine = bootedMachine(device.backingFile);
        const online = await cli('node', 'wait', 'node-42', '--for', 'online', ...PATIENCE);
        expect(online.status, machine.console.slice(-4_000)).toBe(0);
        const listed = documentOf(await cli('node', 'list', '--json'));
        const first = await waitFor(
          'its hardware to be told',
          async () => {
            const node = await client.call('nodes.get', { node: 'node-42' });
            return node.hardware && node;
          },
          PATIENCE_MS,
        );

        const restarted = await cli('node', 'restart', 'node-42', '--wait', ...PATIENCE);
        expect(restarted.status, restarted.stderr + machine.console.slice(-4_000)).toBe(0);
        const second = await client.call('nodes.get', { node: 'node-42' });

        const updating = ['--agent-version', NEXT_VERSION, '--wait', ...PATIENCE];
        const updated = await cli('node', 'update', 'node-42', ...updating);
        expect(updated.status, updated.stderr + machine.console.slice(-4_000)).toBe(0);

        await machine.cutPower();
        await cli('node', 'wait', 'node-42', '--for', 'offline', ...PATIENCE);
        const away = await client.call('nodes.get', { node: 'node-42' });
        const places = await filesWith(token, device.backingFile);
        const known = await filesWith('SYNTROPY_NAME=node-42', device.backingFile);
        machine.start();
        const back = await cli('node', 'wait', 'node-42', '--for', 'online', ...PATIENCE);
        expect(back.status, machine.console.slice(-4_000)).toBe(0);
        const third = await client.call('nodes.get', { node: 'node-42' });

        const deleted = documentOf(await cli('node', 'delete', 'node-42', '--yes', '--json'));
        await machine.cutPower();
        const saidBefore = machine.console.length;
        machine.start();
        await waitFor(
          'the deleted machine to have started',
          () => machine.console.slice(saidBefore).includes('login:'),
          PATIENCE_MS,
        );
        const { nodes } = await client.call('nodes.list', {});
        const knocked = (await readFile(`${daemon.stateDir}/logs/daemon.log`, 'utf8')).includes(
          'AGENT_UNKNOWN',
        );

        expect(listed).toMatchObject({ nodes: [{ name: 'node-42', status: 'online' }] });
        expect(first).toMatchObject({
          // Of the rest of its hardware, what such a slow machine tells in time.
          hardware: { os: { name: 'Debian GNU/Linux', version: '12', arch: 'x64' } },
          agent: { version: '0.1.0', problems: [], capacity: { cpuMillis: 2_000 } },
        });
        expect(second.agent?.bootId).not.toBe(first.agent?.bootId);
        expect(second.id).toBe(first.id);
        expect(away.status).toBe('offline');
        expect(places).toBe('');
        expect(known).toContain('/syntropy/join.env');
        expect(third.agent?.version).toBe(NEXT_VERSION);
        expect(third.agent?.bootId).not.toBe(second.agent?.bootId);
        expect(deleted).toMatchObject({ outcome: 'removed', wiped: true });
        expect(nodes).toEqual([]);
        // It has no keys to come back with, and nothing that would.
        expect(knocked).toBe(false);
        expect(machine.console.slice(saidBefore)).not.toMatch(/Started \S*syntropy-agent/);
      },
      TEST_TIMEOUT_MS,
    );
  },
);
