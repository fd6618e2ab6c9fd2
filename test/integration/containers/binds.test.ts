import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { containersAllowed } from '../../../src/agent/containers.js';
import { assignment } from '../../support/assignments.js';
import { scratchFolder } from '../../support/scratch.js';
import { workNode, type WorkNodeOptions } from '../../support/work-node.js';

async function connected(options: WorkNodeOptions) {
  const node = await workNode(options);
  await node.start();
  node.connect();
  return node;
}

function bind(source: string) {
  return assignment({ volumes: [{ source, target: '/data', readOnly: true }] });
}

describe('a folder of the machine', () => {
  it('is handed over only where its owner allows it, whatever links say', async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'syntropy-bind-'));
    try {
      await mkdir(path.join(folder, 'lent'));
      await using node = await connected({ allowBind: [path.join(folder, 'lent')] });
      await mkdir(path.join(folder, 'lent/below'));
      const good = bind(path.join(folder, 'lent'));
      const above = bind(path.join(folder, 'lent', '..'));
      // Whoever has the folder could make a link of it.
      const below = bind(path.join(folder, 'lent/below'));
      node.assign([good, above, below]);

      await node.phase(good.lease, 'running');
      const reports = [
        await node.phase(above.lease, 'failed'),
        await node.phase(below.lease, 'failed'),
      ];

      expect(reports.map(({ code }) => code)).toEqual(['BIND_NOT_ALLOWED', 'BIND_NOT_ALLOWED']);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

// Goal: whoever has one folder gets no other by it.
describe('folders of the machine, one inside another', () => {
  it('are not both lent: whoever has the outer one could make the inner one anything', async () => {
    await using folder = await scratchFolder();
    const [outer, inner, root] = [folder.file('srv'), folder.file('srv/data'), folder.file('root')];
    await mkdir(inner, { recursive: true });
    await mkdir(root);
    await using node = await connected({ allowBind: [outer, inner] });
    const first = bind(outer);
    node.assign([first]);
    await node.phase(first.lease, 'running');
    // As a container does that has the outer one.
    await rm(inner, { recursive: true });
    await symlink(root, inner);

    const second = bind(inner);
    node.assign([first, second]);

    expect(await node.phase(second.lease, 'failed')).toMatchObject({ code: 'BIND_NOT_ALLOWED' });
    expect(node.log.join('\n')).toContain('is not lent by itself');
  });

  it('stay what they were when the agent started, whatever is made of them', async () => {
    await using folder = await scratchFolder();
    const [lent, root] = [folder.file('lent'), folder.file('root')];
    await mkdir(lent);
    await mkdir(root);
    await using node = await connected({ allowBind: [lent] });
    await rm(lent, { recursive: true });
    await symlink(root, lent);
    const web = bind(lent);

    node.assign([web]);

    expect(await node.phase(web.lease, 'failed')).toMatchObject({ code: 'BIND_NOT_ALLOWED' });
  });

  it.each([
    [['/srv', '/srv/data'], '/srv/data'],
    [['/srv/data/', '/srv/../srv'], '/srv/data'],
    [['/', '/home'], '/home'],
  ])('are refused on the command line: %j', (folders, inner) => {
    expect(() => containersAllowed({ 'allow-bind': folders })).toThrow(
      expect.objectContaining({ code: 'USAGE_INVALID', message: expect.stringContaining(inner) }),
    );
  });

  it('are told apart from names that only begin alike', () => {
    expect(containersAllowed({ 'allow-bind': ['/srv/a', '/srv/ab', '/srv/a'] })).toMatchObject({
      allowBind: ['/srv/a', '/srv/ab', '/srv/a'],
    });
  });
});
