import { readdir, readFile } from 'node:fs/promises';

import { describe, expect, it } from 'vitest';

import { documentOf, runCli } from '../../support/cli.js';
import { containerGrid, containersOf, shell } from '../../support/container-grid.js';
import { startDocker, startPodman } from '../../support/engines.js';
import { missing } from '../../support/requirements.js';

const IMAGE = 'local/box:1';
const CANARY = 'canary-secret-0815';
const waiting = ['--wait', '--timeout', '60s', '--json'];

const engines = [
  { name: 'docker', needs: 'docker', open: startDocker },
  { name: 'podman', needs: 'podman', open: startPodman },
] as const;

// Goal: what nobody asked for, a container cannot do; and what is secret, nobody sees but the container.
describe.each(engines)('a container with all defaults on $name', ({ needs, open }) => {
  it.skipIf(missing('root', needs))(
    'is confined, has its secret as a file, and gives it to nobody else',
    async () => {
      await using engine = await open();
      await engine.importBusybox(IMAGE);
      await using grid = await containerGrid([engine]);
      const { cli, daemon } = grid;
      const set = await runCli(['container', 'secret', 'set', 'db', '--json'], {
        stateDir: daemon.stateDir,
        stdin: `${CANARY}\n`,
      });
      expect(set.status, set.stdout).toBe(0);
      const deployed = await cli(
        'container',
        'deploy',
        '--name',
        'web',
        '--image',
        IMAGE,
        '--user',
        '1000',
        '--secret',
        'db',
        '--secret',
        'db:/etc/db',
        ...waiting,
        ...shell('exec sleep 1000'),
      );
      expect(deployed.status, deployed.stdout).toBe(0);
      const inside = async (script: string) =>
        (await cli('container', 'exec', 'web', '--', '/bin/sh', '-c', script)).stdout.trim();

      const status = await inside('cat /proc/1/status');
      const field = (word: string) => new RegExp(`^${word}:\\s+(\\S+)`, 'mu').exec(status)?.[1];
      expect(BigInt(`0x${field('CapEff')}`)).toBe(0n);
      expect(BigInt(`0x${field('CapBnd')}`)).toBe(0n);
      expect(field('NoNewPrivs')).toBe('1');
      expect(field('Seccomp')).toBe('2');
      expect(field('Uid')).toBe('1000');
      expect(await inside('touch /root-file 2>&1; echo $?')).toMatch(/Read-only file system\s+1$/u);
      expect(await inside('for d in /tmp /var/tmp; do touch $d/x 2>&1 && echo $d; done')).toBe(
        '/tmp\n/var/tmp',
      );
      const limit = 'cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null';
      expect(await inside(limit)).toBe('256');
      expect(
        await inside('find / -xdev -name "*.sock" 2>/dev/null; grep -c sock /proc/mounts'),
      ).toBe('0');

      expect(await inside('cat /run/secrets/db /etc/db')).toBe(CANARY.repeat(2));
      expect(await inside('stat -c "%u %a" /run/secrets/db')).toBe('1000 400');
      const [shown, events, audit, logs] = await Promise.all([
        cli('container', 'status', 'web', '--json'),
        cli('container', 'events', 'web', '--json'),
        cli('audit', 'list', '--json'),
        cli('daemon', 'logs', '--json'),
      ]);
      const ids = await engine.api('GET', '/containers/json?all=1');
      const [, id = ''] = /"Id":"([0-9a-f]+)"/u.exec(ids.text) ?? [];
      const inspected = await engine.api('GET', `/containers/${id}/json`);
      const seen = {
        shown: shown.stdout,
        events: events.stdout,
        audit: audit.stdout,
        logs: logs.stdout,
        agent: grid.nodes[0]?.said ?? '',
        ids: ids.text,
        inspected: inspected.text,
        arguments: await commandLines(),
      };
      const [base64, plain] = [Buffer.from(CANARY).toString('base64'), CANARY];
      for (const [where, text] of Object.entries(seen)) {
        expect(text.length, where).toBeGreaterThan(0);
        expect([where, text.includes(plain), text.includes(base64)]).toEqual([where, false, false]);
      }
      expect(inspected.text).toContain('/run/secrets/db');
    },
    90_000,
  );
});

describe('what is given up of the defaults', () => {
  it.skipIf(missing('root', 'docker'))(
    'needs a permission, and is on record',
    async () => {
      await using engine = await startDocker();
      await engine.importBusybox(IMAGE);
      await using grid = await containerGrid([engine]);
      const { cli } = grid;
      const { invitation } = await grid.client.call('members.create', {
        name: 'dora',
        roles: ['member'],
      });
      await grid.client.call('sessions.create', {
        invitation: invitation?.secret ?? '',
        password: 'a long horse battery',
      });
      const deploy = (...flags: readonly string[]) =>
        cli(
          'container',
          'deploy',
          '--image',
          IMAGE,
          ...(flags.includes('--name') ? [] : ['--name', 'web']),
          ...waiting,
          ...shell('exec sleep 1000'),
          ...flags,
        );
      await cli('node', 'update', 'node-01', '--owner', 'dora');
      for (const flags of [
        ['--cap-add', 'NET_BIND_SERVICE'],
        ['--writable-root'],
        ['--allow-privilege-escalation'],
        ['--pids-limit', '5000'],
        ['--volume', '/srv:/srv'],
      ]) {
        const refused = await deploy(...flags, '--as', 'dora');
        expect(documentOf(refused)).toMatchObject({
          error: { code: 'PERMISSION_DENIED', message: expect.stringContaining('unconfined') },
        });
        expect(refused.status).toBe(3);
      }
      expect(await containersOf(engine)).toEqual([]);
      const confined = await deploy('--as', 'dora');
      expect(confined.status, confined.stdout).toBe(0);

      const given = await deploy(
        '--name',
        'free',
        '--pay-from',
        'node-01',
        '--cap-add',
        'NET_BIND_SERVICE',
        '--writable-root',
      );
      expect(given.status, given.stdout).toBe(0);
      const { entries } = documentOf(
        await cli('audit', 'list', '--operation', 'containers.deploy', '--json'),
      );
      expect(entries).toContainEqual(
        expect.objectContaining({ remark: expect.stringMatching(/NET_BIND_SERVICE/u) }),
      );
      expect(
        (Array.isArray(entries) ? entries : []).filter(
          ({ outcome }) => outcome === 'PERMISSION_DENIED',
        ),
      ).toHaveLength(5);
    },
    90_000,
  );
});

/** Of every process of this machine. */
async function commandLines(): Promise<string> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/u.test(name));
  const all = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return all.join('\n');
}
