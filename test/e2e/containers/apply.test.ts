import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { documentOf } from '../../support/cli.js';
import { containerGrid, containersOf } from '../../support/container-grid.js';
import { startDocker } from '../../support/engines.js';
import { missing } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';

const IMAGE = 'local/box:1';

const service = (name: string, word: string) => `  ${name}:
    image: ${IMAGE}
    entrypoint: [/bin/sh, -c]
    command: ["echo ${word}; exec sleep 1000"]
    pull_policy: never
    stop_grace_period: 1s
`;

// Goal: a file says what an app is to be, and applying it makes it so, as often as one likes.
describe('an app file', () => {
  it.skipIf(missing('root', 'docker'))(
    'is applied, changes only what differs, and takes away what it no longer has',
    async () => {
      await using engine = await startDocker();
      await engine.importBusybox(IMAGE);
      await using grid = await containerGrid([engine]);
      const file = path.join(grid.daemon.home, 'app.yaml');
      const apply = async (services: string, ...flags: readonly string[]) => {
        await writeFile(file, `name: shop\nservices:\n${services}`);
        const words = ['--file', file, '--wait', '--timeout', '60s', '--json', ...flags];
        const result = await grid.cli('container', 'apply', ...words);
        expect(result.status, result.stdout).toBe(0);
        return documentOf(result);
      };
      const both = service('web', 'one') + service('db', 'two');

      const planned = await apply(both, '--dry-run');
      expect(planned).toMatchObject({
        plans: [
          { name: 'shop-web', action: 'create' },
          { name: 'shop-db', action: 'create' },
        ],
      });
      expect(await containersOf(engine)).toEqual([]);

      expect(await apply(both)).toMatchObject({
        containers: [
          { outcome: 'created', container: { name: 'shop-web', status: 'running' } },
          { outcome: 'created', container: { name: 'shop-db', status: 'running' } },
        ],
      });
      const before = (await containersOf(engine)).toSorted();
      expect(before).toHaveLength(2);

      expect(await apply(both)).toMatchObject({
        containers: [{ outcome: 'unchanged' }, { outcome: 'unchanged' }],
      });
      expect((await containersOf(engine)).toSorted()).toEqual(before);

      expect(await apply(service('web', 'another') + service('db', 'two'))).toMatchObject({
        containers: [
          { outcome: 'updated', container: { revision: 2, status: 'running' } },
          { outcome: 'unchanged', container: { revision: 1 } },
        ],
      });
      await waitFor('the old one to go', async () => (await containersOf(engine)).length === 2);
      const logs = await grid.cli('container', 'logs', 'shop-web');
      expect(logs.stdout).toBe('another\n');

      expect(await apply(service('web', 'another'), '--prune', '--yes')).toMatchObject({
        containers: [{ outcome: 'unchanged' }],
        removed: [{ name: expect.stringContaining('shop-db') }],
      });
      await waitFor('only one to be left', async () => {
        const names = await containersOf(engine);
        return names.length === 1 && names[0]?.includes('shop-web');
      });
    },
    90_000,
  );
});
