import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { runShell } from '../../support/cli.js';
import { containerGrid } from '../../support/container-grid.js';
import { startDocker } from '../../support/engines.js';
import { missing } from '../../support/requirements.js';

// Goal: what docs/CONTAINERS.md tells people to type works, line by line, on a real engine.
describe.skipIf(missing('root', 'docker'))('the tour of docs/CONTAINERS.md', () => {
  it('runs to its end', async () => {
    await using engine = await startDocker();
    await engine.importBusybox('busybox:1.36');
    await using grid = await containerGrid([engine]);
    const document = await readFile('docs/CONTAINERS.md', 'utf8');
    const blocks = [...document.matchAll(/^```sh\n(.*?)^```/gms)].map((match) => match[1] ?? '');

    const { status, stdout, stderr } = await runShell(`set -euo pipefail\n${blocks.join('\n')}`, {
      stateDir: grid.daemon.stateDir,
      timeoutMs: 120_000,
    });

    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(stdout).toMatch(/^web +running /m);
    expect(stdout).toContain('serving');
    expect(stdout).toMatch(/^9$/m);
  }, 180_000);
});
