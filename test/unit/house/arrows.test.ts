import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';

/** What must not be imported, and the rule that says so: one for each rule there is. */
const planted: readonly (readonly [string, string, string])[] = [
  ['src/core/services/node/a.ts', "import '../usb/b.js';", 'slices-do-not-touch'],
  ['src/core/services/node/c.ts', "import 'fastify';", 'services-no-frameworks'],
  ['src/core/services/node/d.ts', "import 'node:fs';", 'services-no-io'],
  ['src/core/services/node/e.ts', "import '../../storage/f.js';", 'services'],
  ['src/client/g.ts', "import 'node:fs';", 'client-and-contract-run-in-a-browser'],
  ['src/commands/h.ts', "import '../core/services/usb/b.js';", 'commands'],
  ['src/contract/i.ts', "import '../client/g.js';", 'contract'],
  ['src/core/types/j.ts', "import '../utils/k.js';", 'types-are-leaf'],
  ['src/core/utils/k.ts', "import '../types/j.js';", 'no-circular'],
  ['src/core/utils/l.ts', "import '../config/m.js';", 'utils'],
  ['src/core/config/m.ts', "import '../services/usb/b.js';", 'config'],
  ['src/client/node/n.ts', "import '../../core/utils/o.js';", 'client'],
  ['src/cli/p.ts', "import '../core/storage/f.js';", 'cli'],
  ['src/core/platform/linux/q.ts', "import '../../storage/f.js';", 'platform'],
  ['src/core/storage/redis/r.ts', "import '../../platform/linux/q.js';", 'storage'],
  ['src/daemon/s.ts', "import '../client/g.js';", 'daemon'],
  ['src/agent/u.ts', "import '../core/storage/f.js';", 'agent'],
  ['src/core/utils/t.ts', "import './nowhere.js';", 'no-unresolvable'],
];

// Goal: a rule that finds nothing may be a rule that sees nothing, so each is seen to find what it is for.
it('finds every arrow that must not be', async () => {
  const tree = await mkdtemp(path.join(os.tmpdir(), 'syntropy-arrows-'));
  try {
    for (const file of [
      '.dependency-cruiser.mjs',
      'tsconfig.json',
      'package.json',
      'scripts/check-arrows.mjs',
    ]) {
      await cp(file, path.join(tree, file));
    }
    await symlink(path.resolve('node_modules'), path.join(tree, 'node_modules'));
    for (const [file, text] of [
      ...planted,
      ['src/core/services/usb/b.ts', 'export {};', ''],
      ['src/core/storage/f.ts', 'export {};', ''],
      ['src/core/utils/o.ts', 'export {};', ''],
    ] as const) {
      await mkdir(path.dirname(path.join(tree, file)), { recursive: true });
      await writeFile(path.join(tree, file), `${text}\nexport {};\n`);
    }

    const script = `
      import { violations } from './scripts/check-arrows.mjs';
      import config from './.dependency-cruiser.mjs';
      console.log((await violations()).found.join('\\n'));
      console.log(JSON.stringify(config.forbidden.map(({ name }) => name).toSorted()));`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: tree,
      encoding: 'utf8',
      timeout: 60_000,
    });

    const found = stdout.trim().split('\n');
    const rules: unknown = JSON.parse(found.pop() ?? '');
    const unseen = planted.filter(
      ([file, , rule]) =>
        !found.some((line) => line.startsWith(`${rule}: `) && line.includes(file)),
    );
    expect(unseen).toEqual([]);
    expect(planted.map(([, , rule]) => rule).toSorted()).toEqual(rules);
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
});
