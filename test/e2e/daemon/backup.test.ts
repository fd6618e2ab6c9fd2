import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';

import { documentOf } from '../../support/cli.js';
import { daemonProcess } from '../../support/daemon-process.js';

// Goal: a member gets the grid back on another machine with one file and two commands.
it('brings nodes and keys back in another state directory, and refuses where a daemon runs', async () => {
  await using daemon = await daemonProcess();
  await using other = await daemonProcess();
  const file = path.join(daemon.home, 'grid.backup');
  const image = path.join(daemon.home, 'node-01.img');
  await daemon.cli('node', 'create', '--name', 'node-01', '--output', image);

  const { backup } = documentOf(await daemon.cli('daemon', 'backup', file, '--json'));
  expect(backup).toMatchObject({ path: file });
  const again = await daemon.cli('daemon', 'backup', file, '--json');
  expect([again.status, again.stdout]).toEqual([5, expect.stringContaining('OUTPUT_EXISTS')]);
  const running = await other.cli('daemon', 'restore', file, '--yes', '--json');
  expect([running.status, running.stdout]).toEqual([
    5,
    expect.stringContaining('DAEMON_ALREADY_RUNNING'),
  ]);

  await other.cli('daemon', 'stop');
  const refused = await other.cli('daemon', 'restore', file, '--json');
  expect([refused.status, refused.stdout]).toEqual([5, expect.stringContaining('RESTORE_REFUSED')]);
  const restored = await other.cli('daemon', 'restore', file, '--yes', '--json');
  expect([restored.status, restored.stdout]).toEqual([0, expect.stringContaining(file)]);
  await other.restart();

  const before = documentOf(await daemon.cli('node', 'list', '--json'));
  expect(documentOf(await other.cli('node', 'list', '--json'))).toEqual(before);
  expect(before['nodes']).toHaveLength(1);
  expect(await readFile(path.join(other.stateDir, 'master.key'))).toEqual(
    await readFile(path.join(daemon.stateDir, 'master.key')),
  );
});
