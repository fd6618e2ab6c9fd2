import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

/** Every `sh` block of a document, as one script. */
function scriptOf(document: string): string {
  const blocks = [...document.matchAll(/^```sh\n(.*?)^```/gms)].map((match) => match[1] ?? '');
  return `set -euo pipefail\n${blocks.join('\n')}`;
}

async function freshHome() {
  const home = await mkdtemp(path.join(os.tmpdir(), 'syntropy-tour-'));
  await chmod(home, 0o755);
  await mkdir(path.join(home, 'bin'));
  await symlink(path.resolve('bin/syntropy.cjs'), path.join(home, 'bin/syntropy'));
  const env = {
    ...process.env,
    PATH: `${path.join(home, 'bin')}:${path.dirname(process.execPath)}:${process.env['PATH']}`,
    SYNTROPY_STATE_DIR: path.join(home, 'state'),
    SYNTROPY_CLUSTER_ROOT: path.join(home, 'clusters'),
  };
  const run = (script: string) =>
    spawnSync('bash', ['-c', script], { cwd: home, env, encoding: 'utf8', timeout: 120_000 });
  return {
    run,
    async [Symbol.asyncDispose]() {
      run('syntropy daemon stop');
      await rm(home, { recursive: true, force: true });
    },
  };
}

// Goal: what the README tells people to type works, line by line, on a machine that has never seen it.
describe('the tour of the README', () => {
  it('runs to its end', async () => {
    await using home = await freshHome();

    const { status, stdout, stderr } = home.run(scriptOf(await readFile('README.md', 'utf8')));

    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(stdout).toContain('Nothing was written (--dry-run).');
    expect(stdout).toMatch(/^node-01 +provisioned +/m);
    expect(stdout).toMatch(/Stick: +verified, 16\.8 MB/);
    expect(stdout).toContain('Removed node attic-01.');
    expect(stdout).toContain('EXIT');
  });
});
