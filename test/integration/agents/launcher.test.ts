import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { ReleaseHome } from '../../../src/agent/release/home.js';
import { installRelease, releaseHome } from '../../support/agent-releases.js';
import { smallFilesystem } from '../../support/loop-device.js';
import { missing } from '../../support/requirements.js';

const TRIAL = { version: 'new', order: 7, from: 'old' };
const trialOf = (id = '') => ({ ...TRIAL, id });
/** A program in the place of Node that notes that it was started, and ends with a status. */
const ending = (name: string, status: number) =>
  `#!/bin/sh\necho "${name} $*" >> "$(dirname "$0")/../../started"\nexit ${status}\n`;

async function launch(home: string, ...args: string[]) {
  const child = spawn(path.join(home, 'launch.sh'), args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, said };
}

/** Two releases, the second of them current and on trial. */
async function onTrial(node: string) {
  const installed = await releaseHome();
  await installed.install('old', { node: ending('old', 0) });
  await installed.install('new', { node });
  await installed.home.beginTrial(trialOf(await installed.home.currentId()));
  const { directory } = installed.home;
  return {
    directory,
    file: installed.file,
    started: async () =>
      (await readFile(installed.file('started'), 'utf8').catch(() => '')).split('\n').length - 1,
    failed: () => installed.home.failed(),
    /** Another trial of the same release. */
    again: async () => installed.home.beginTrial(trialOf(await installed.home.currentId())),
    [Symbol.asyncDispose]: () => installed[Symbol.asyncDispose](),
  };
}

const isThere = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

// Goal: whatever a new release does at its start, or fails to do, the machine has a running agent afterwards.
describe('the launcher', () => {
  it('starts the current release with the arguments that it is given, and ends as that does', async () => {
    await using installed = await releaseHome();
    await installed.install('old', { node: ending('old', 3) });
    const { home, file } = installed;

    const { status } = await launch(home.directory, 'run', '--state-dir', '/var/lib/a b');

    expect(status).toBe(3);
    expect(await readFile(file('started'), 'utf8')).toBe(
      `old --max-semi-space-size=1 ${home.current}/agent.mjs run --state-dir /var/lib/a b\n`,
    );
  });

  it.each([
    ['ends at once with any status', ending('new', 3)],
    ['is no program at all', ''],
    ['is killed', '#!/bin/sh\nkill -9 $$\n'],
  ])('goes back to the release before when the new one %s', async (_, node) => {
    await using made = await onTrial(node);

    const statuses = [];
    for (let start = 0; start < 3; start += 1) {
      statuses.push((await launch(made.directory, 'run')).status);
    }
    const after = await launch(made.directory, 'run');

    // "Start me again", also where the unit would stop trying.
    expect(statuses).toEqual([75, 75, 75]);
    expect(after.status).toBe(0);
    expect(await readFile(made.file('started'), 'utf8')).toMatch(/old .*\n$/);
    expect(await made.failed()).toMatchObject(TRIAL);
    expect(await isThere(made.file('trial.json'))).toBe(false);
  });

  it('gives each trial its own starts', async () => {
    await using made = await onTrial(ending('new', 1));
    await writeFile(made.file('trial.starts'), '...');
    await made.again();

    expect((await launch(made.directory, 'run')).status).toBe(75);

    expect(await made.failed()).toBeUndefined();
    expect(await readFile(made.file('trial.starts'), 'utf8')).toBe('.');
  });

  it.skipIf(missing('root'))('starts the agent also where the disk takes nothing', async () => {
    await using disk = await smallFilesystem(1 << 20);
    const home = new ReleaseHome(disk.path);
    await installRelease(home, 'old', { node: ending('old', 0) });
    await installRelease(home, 'new', { node: ending('new', 0) });
    await home.beginTrial(trialOf(await home.currentId()));
    // Full to the last byte.
    await writeFile(path.join(disk.path, 'filler'), Buffer.alloc(2 << 20)).catch(() => undefined);
    await rm(path.join(disk.path, 'started'), { force: true });

    const { status, said } = await launch(disk.path, 'run');

    expect(status, said).toBe(75);
    expect(said).toContain('this start could not be counted');
    expect(said).not.toContain('did not prove itself');
  });

  it('ends as the agent does when the service is stopped', async () => {
    await using installed = await releaseHome();
    const node = '#!/bin/sh\ntrap "exit 0" TERM\necho up >&2\nwhile :; do sleep 0.05; done\n';
    await installed.install('old', { node });
    const child = spawn(path.join(installed.home.directory, 'launch.sh'), ['run'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    await once(child.stderr, 'data');

    process.kill(-(child.pid ?? 0), 'SIGTERM');

    expect(await ended).toBe(0);
  });

  it('does not go back from a release that was never made current', async () => {
    await using installed = await releaseHome();
    await installed.install('oldest', { node: ending('oldest', 0) });
    await installed.install('old', { node: ending('old', 0) });
    await installed.home.beginTrial(trialOf('new-0123456789ab'));
    await writeFile(installed.file('trial.starts'), '...');

    await launch(installed.home.directory, 'run');

    expect(await installed.home.currentId()).toMatch(/^old-/);
  });

  it('keeps a release that has proved itself, however often it is started', async () => {
    await using made = await onTrial(ending('new', 1));
    // As the agent does when it is welcomed.
    await rm(made.file('trial.json'));

    for (let start = 0; start < 5; start += 1) {
      expect((await launch(made.directory, 'run')).status).toBe(1);
    }

    expect(await made.started()).toBe(5);
    expect(await made.failed()).toBeUndefined();
  });

  it('goes on where the power was cut while it went back', async () => {
    await using made = await onTrial(ending('new', 1));
    await writeFile(made.file('trial.starts'), '...');
    // The link is back, the rest is not noted yet.
    await rm(made.file('current'));
    await rename(made.file('previous'), made.file('current'));

    const { status } = await launch(made.directory, 'run');

    expect(status).toBe(0);
    expect(await made.failed()).toMatchObject(TRIAL);
  });
});
