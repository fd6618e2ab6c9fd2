import { expect, it } from 'vitest';

import { documentOf } from '../../support/cli.js';
import { containerGrid, shell } from '../../support/container-grid.js';
import { startDocker, type TestEngine } from '../../support/engines.js';
import { missing } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';

const IMAGE = 'local/box:1';
const DB = ['--name', 'db', '--image', IMAGE, '--volume', 'data:/data', '--json'];
const WAIT = ['--wait', '--timeout', '60s'];

async function volumesOf({ api }: Pick<TestEngine, 'api'>): Promise<readonly string[]> {
  const { text } = await api('GET', '/volumes');
  return [...text.matchAll(/"Name":"(syntropy-[^"]+)"/g)].map(([, name = '']) => name);
}

// Goal: data outlives its container, on a real engine; and a try that failed leaves none.
it.skipIf(missing('root', 'docker'))(
  'a volume is found again after its container was removed, and goes when that is said',
  async () => {
    await using engine = await startDocker();
    await engine.importBusybox(IMAGE);
    await using grid = await containerGrid([engine]);
    const deploy = (script: string) =>
      grid.cli('container', 'deploy', ...DB, ...WAIT, ...shell(script));
    const remove = async (...flags: readonly string[]) => {
      const done = await grid.cli('container', 'remove', 'db', '--yes', ...flags);
      expect(done.status, done.stderr).toBe(0);
      return done.stdout;
    };
    const writes = 'echo line >> /data/log; exec sleep 1000';

    // Twice, so that what the first one made is not in the way of the second.
    for (const _ of [1, 2]) {
      const failed = await deploy('echo half > /data/log; exit 3');
      expect([failed.status, failed.stdout]).toEqual([1, expect.stringContaining('"code"')]);
      await waitFor('its volume to go', async () => (await volumesOf(engine)).length === 0, 30_000);
    }

    const first = await deploy(writes);
    expect(first.status, first.stdout).toBe(0);
    const [name] = await volumesOf(engine);
    // At once: the next one has to wait for the end of this.
    expect(await remove('--no-wait')).toContain(`calls it ${name}.`);
    const second = await deploy(writes);
    expect(second.status, second.stdout).toBe(0);

    const { stdout } = await grid.cli('container', 'exec', 'db', '--', 'cat', '/data/log');
    expect(stdout).toBe('line\nline\n');
    expect(documentOf(second)).toMatchObject({ container: { volumesOf: name?.slice(9, 45) } });
    expect(await volumesOf(engine)).toEqual([name]);

    await remove('--volumes', ...WAIT);
    expect(await volumesOf(engine)).toEqual([]);
  },
  180_000,
);
