import { spawn } from 'node:child_process';
import { access, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { releaseHome } from '../../support/agent-releases.js';

const TRIAL = { version: 'new', order: 7, from: 'old' };
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
  await installed.home.beginTrial(TRIAL);
  const { directory } = installed.home;
  return {
    directory,
    file: installed.file,
    started: async () =>
      (await readFile(installed.file('started'), 'utf8').catch(() => '')).split('\n').length - 1,
    failed: () => installed.home.failed(),
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
    expect(await made.failed()).toEqual(TRIAL);
    expect(await isThere(made.file('trial.json'))).toBe(false);
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
    expect(await made.failed()).toEqual(TRIAL);
  });
});
