import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import {
  resolveStatePaths,
  SYSTEM_STATE_DIR,
  thisHost,
} from '../../../src/core/config/state-paths.js';
import { parseDaemonOptions } from '../../../src/daemon/options.js';
import { missing } from '../../support/requirements.js';

const UNIT = 'deploy/systemd/syntropy.service';

async function commandLine(): Promise<string[]> {
  const text = await readFile(UNIT, 'utf8');
  return (/^ExecStart=(.*)$/m.exec(text)?.[1] ?? '').split(' ');
}

describe('the unit of the system daemon', () => {
  it('starts a daemon where the commands of a machine with the service look for it', async () => {
    const [, , script, ...argv] = await commandLine();
    expect(script).toMatch(/\/bin\/syntropy-daemon\.mjs$/);

    const options = parseDaemonOptions(argv);
    expect(options).toMatchObject({
      mode: 'serve',
      stateDir: SYSTEM_STATE_DIR,
      socketGroup: 'syntropy',
    });
    const found = resolveStatePaths(undefined, {
      ...thisHost(),
      platform: 'linux',
      env: {},
      systemServiceInstalled: true,
    });
    expect(resolveStatePaths(options.stateDir).socketPath).toBe(found.socketPath);
  });

  it('gives the service no mounts of its own, for an unmount in there would not reach the host', async () => {
    const text = await readFile(UNIT, 'utf8');
    const settings = text.split('\n').filter((line) => !line.startsWith('#'));
    const separating =
      /^(Protect(System|Home|Kernel\w+|ControlGroups)|Private(Tmp|Mounts|Devices)|(ReadWrite|ReadOnly|Inaccessible)Paths)=/;
    expect(settings.filter((line) => separating.test(line))).toEqual([]);
  });
});

describe.skipIf(missing('systemd'))('systemd-analyze', () => {
  it('finds nothing wrong with the unit', async () => {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'syntropy-unit-'));
    try {
      // Only the two paths differ from an installed machine: verify insists that programs exist.
      const text = (await readFile(UNIT, 'utf8')).replace(
        /^ExecStart=\S+ (--\S+) \S+/m,
        `ExecStart=${process.execPath} $1 ${path.resolve('bin/syntropy-daemon.mjs')}`,
      );
      const unit = path.join(dir, 'syntropy.service');
      await writeFile(unit, text);
      const verified = spawnSync('systemd-analyze', ['verify', '--man=no', unit], {
        encoding: 'utf8',
      });
      const complaints = verified.stderr.split('\n').filter((line) => line.includes('syntropy'));
      expect(complaints).toEqual([]);
      expect(verified.status).toBe(0);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
