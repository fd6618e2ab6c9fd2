import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { wipeSecret } from '../../../src/agent/installation/wipe-secret.js';
import { scratchFolder } from '../../support/scratch.js';

const SECRET = 'syntropy-join-1.WyJhYiIsInN5bmpvaW5fc2VjcmV0Il0.0abc123';
const CHUNK_BYTES = 4 << 20;

// Goal: a token that was spent is nowhere any more where it was, and nothing else has changed.
describe('wiping a secret', () => {
  it('leaves no copy in files and folders, and everything else as it was', async () => {
    await using scratch = await scratchFolder();
    const deep = path.join(scratch.path, 'instances/i-1');
    await mkdir(deep, { recursive: true });
    await writeFile(path.join(deep, 'user-data.txt'), `a ${SECRET} b ${SECRET} c`);
    await writeFile(scratch.file('join.env'), `NAME=x\nTOKEN=${SECRET}\n`);
    await writeFile(scratch.file('other'), 'nothing');

    expect(await wipeSecret(SECRET, [deep, scratch.file('join.env'), '/nowhere'])).toBe(3);

    const blank = 'x'.repeat(SECRET.length);
    expect(await readFile(path.join(deep, 'user-data.txt'), 'utf8')).toBe(
      `a ${blank} b ${blank} c`,
    );
    expect(await readFile(scratch.file('join.env'), 'utf8')).toBe(`NAME=x\nTOKEN=${blank}\n`);
    expect(await readFile(scratch.file('other'), 'utf8')).toBe('nothing');
  });

  it.each([0, 1, SECRET.length - 1, SECRET.length])(
    'finds one that ends %i bytes after the end of a chunk',
    async (over) => {
      await using scratch = await scratchFolder();
      const file = scratch.file('large');
      const before = Buffer.alloc(CHUNK_BYTES - SECRET.length + over, '-');
      await writeFile(file, Buffer.concat([before, Buffer.from(SECRET), Buffer.from('---')]));
      const { size } = await stat(file);

      expect(await wipeSecret(SECRET, [file])).toBe(1);

      const after = await readFile(file);
      expect(after.includes(SECRET)).toBe(false);
      expect(after.length).toBe(size);
      expect(after.subarray(-3).toString()).toBe('---');
    },
  );

  it('does not follow a link out of a folder', async () => {
    await using scratch = await scratchFolder();
    await using elsewhere = await scratchFolder();
    await writeFile(elsewhere.file('kept'), SECRET);
    await symlink(elsewhere.file('kept'), scratch.file('link'));

    expect(await wipeSecret(SECRET, [scratch.path])).toBe(0);

    expect(await readFile(elsewhere.file('kept'), 'utf8')).toBe(SECRET);
  });
});
