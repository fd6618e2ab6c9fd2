import { once } from 'node:events';

import { describe, expect, it } from 'vitest';

import { documentOf, runOnTerminal } from '../../support/cli.js';
import { containerGrid, shell } from '../../support/container-grid.js';
import { startDocker, startPodman } from '../../support/engines.js';
import { missing } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';

const IMAGE = 'local/box:1';
const waiting = ['--wait', '--timeout', '60s', '--json'];
const STAMP = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z`;

const engines = [
  { name: 'docker', needs: 'docker', open: startDocker },
  { name: 'podman', needs: 'podman', open: startPodman },
] as const;

// Goal: what runs elsewhere is read and entered as if it ran here.
describe.each(engines)('a container on $name', ({ needs, open }) => {
  it.skipIf(missing('root', needs))(
    'is entered on a terminal, read while it goes on, and says what it uses',
    async () => {
      await using engine = await open();
      await engine.importBusybox(IMAGE);
      await using grid = await containerGrid([engine]);
      const { cli, daemon } = grid;
      const script =
        'n=0; while [ $n -lt 3 ]; do n=$((n+1)); echo line $n; done; touch /tmp/ready; while :; do [ -e /tmp/say ] && { cat /tmp/say; rm /tmp/say; }; sleep 0.1; done';
      const deployed = await cli(
        'container',
        'deploy',
        '--name',
        'web',
        '--image',
        IMAGE,
        '--replicas',
        '2',
        ...waiting,
        ...shell(script),
      );
      expect(deployed.status, deployed.stdout).toBe(0);

      const entered = await runOnTerminal(['container', 'exec', '-it', 'web', '--', 'sh'], {
        stateDir: daemon.stateDir,
        // The shell asks the terminal where its cursor is.
        typed: [{ after: /# (?:\W\[6n)?$/u, text: 'tty; echo at $HOSTNAME.; exit 7\n' }],
      });
      expect(entered.stdout).toMatch(/\/dev\/pts\/\d+\s+at web\./u);
      expect(entered.status).toBe(7);

      const all = await cli('container', 'logs', 'web');
      const lines = all.stdout.trim().split('\n');
      expect(lines.toSorted()).toEqual(
        ['1', '2'].flatMap((of) =>
          [1, 2, 3].map((n) => expect.stringMatching(`${of}.*line ${n}$`)),
        ),
      );
      const stamped = await cli('container', 'logs', 'web', '--timestamps', '--json');
      const times = stamped.stdout
        .trim()
        .split('\n')
        .map((line) => new RegExp(STAMP, 'u').exec(line)?.[0] ?? '');
      expect(times).toEqual(times.toSorted());
      const tail = await cli('container', 'logs', 'web', '--replica', '1', '--tail', '1');
      expect(tail.stdout).toBe('line 3\n');
      const later = await cli('container', 'logs', 'web', '--since', new Date().toISOString());
      expect(later).toMatchObject({ status: 0, stdout: '' });

      const following = daemon.begin('container', 'logs', 'web', '--follow', '--tail', '0');
      let said = '';
      following.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
      const say = (word: string) =>
        cli('container', 'exec', 'web', '--', 'sh', '-c', `echo ${word} > /tmp/say`);
      let spoken = 0;
      await waitFor('what it says now', async () => {
        if (said.includes('spoken')) return true;
        await say(`spoken ${(spoken += 1)}`);
        return false;
      });
      const ended = once(following, 'exit');
      following.kill('SIGINT');
      await ended;
      expect(said).not.toContain('line 3');

      await waitFor('its use to be known', async () => {
        const { stdout } = await cli('container', 'stats', 'web', '--once', '--json');
        return /"memoryBytes":[1-9]\d+/u.test(stdout);
      });
      const removed = await cli('container', 'remove', 'web', '--yes', ...waiting);
      expect(removed.status, removed.stdout).toBe(0);
      const { container } = documentOf(deployed);
      const id = new Map(Object.entries(container ?? {})).get('id');
      const { usage } = await waitFor('the last of its usage', async () => {
        const told = await grid.client.call('containers.usage', { container: String(id) });
        return told.usage.length === 2 && told;
      });
      for (const { cpuSeconds, memoryMibSeconds, wallSeconds } of usage) {
        expect(Math.min(cpuSeconds, memoryMibSeconds, wallSeconds)).toBeGreaterThan(0);
      }
    },
    90_000,
  );
});
