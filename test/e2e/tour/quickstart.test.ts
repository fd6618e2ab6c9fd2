import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';

async function freshHome() {
  const home = await mkdtemp(path.join(os.tmpdir(), 'syntropy-quickstart-'));
  await chmod(home, 0o755);
  const env = {
    ...process.env,
    SYNTROPY_STATE_DIR: path.join(home, 'state'),
    SYNTROPY_CLUSTER_ROOT: path.join(home, 'clusters'),
  };
  const run = (...args: string[]) =>
    spawnSync(process.execPath, args, { env, encoding: 'utf8', timeout: 120_000 });
  return {
    image: path.join(home, 'node-01.img'),
    elsewhere: path.join(home, 'elsewhere.img'),
    quickstart: () => run('scripts/quickstart.mjs', home),
    syntropy: (...args: string[]) => run('bin/syntropy.cjs', ...args),
    async [Symbol.asyncDispose]() {
      run('bin/syntropy.cjs', 'agent', 'leave', '--yes', '--force');
      run('bin/syntropy.cjs', 'daemon', 'stop');
      await rm(home, { recursive: true, force: true });
    },
  };
}

// Goal: the first command that a person ever types works, may be repeated, and costs nobody what they had.
it('makes a first node once, and keeps what is not its own', async () => {
  await using home = await freshHome();

  const first = home.quickstart();
  expect(first).toMatchObject({ status: 0 });
  expect(first.stdout).toMatch(/^node-01 +provisioned +/m);
  expect(first.stdout).toMatch(/^node-02 +online +/m);
  expect((await stat(home.image)).size).toBeGreaterThan(1 << 20);

  const second = home.quickstart();
  expect(second).toMatchObject({ status: 0 });
  expect(second.stdout).toContain('It is there already, and so is');
  expect(second.stdout).toContain('It is node-02 already.');

  await rm(home.image);
  const again = home.quickstart();
  expect(again).toMatchObject({ status: 0 });
  expect(again.stdout).toContain('Its image is gone: it is made anew.');

  // A file of that name that is somebody's own.
  expect(home.syntropy('node', 'delete', 'node-01', '--yes')).toMatchObject({ status: 0 });
  await writeFile(home.image, 'precious');
  expect(home.quickstart()).toMatchObject({ status: 1 });
  expect(await readFile(home.image, 'utf8')).toBe('precious');

  // A node of that name that was made at another place.
  const own = ['node', 'create', '--name', 'node-01', '--output', home.elsewhere];
  expect(home.syntropy(...own)).toMatchObject({ status: 0 });
  const kept = home.quickstart();
  expect(kept).toMatchObject({ status: 0 });
  expect(kept.stdout).toContain(`made at ${home.elsewhere}: kept as it is.`);
  expect(await readFile(home.image, 'utf8')).toBe('precious');
});
