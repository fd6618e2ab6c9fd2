import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

import { createImageInspector } from '../../../src/core/platform/common/stick/image-inspector.js';
import { seedImage } from '../../../src/core/platform/common/stick/seed-image.js';
import { missing } from '../../support/requirements.js';
import { scratchFolder } from '../../support/scratch.js';

const run = promisify(execFile);
const PARTITION = 1 << 20;

function inspect(path: string, options: { needsCidata?: boolean; sha256?: string } = {}) {
  return createImageInspector().inspect({
    source: { kind: 'file', path },
    needsCidata: false,
    ...options,
  });
}

/** The seed under another label, so that it is an image like others. */
function unlabelled(): Buffer {
  const bytes = seedImage();
  const root = bytes.lastIndexOf('CIDATA     ');
  bytes.write('OTHER      ', root, 'latin1');
  bytes.write('OTHER      ', PARTITION + 43, 'latin1');
  return bytes;
}

describe('the look at an image', () => {
  it('tells what a raw image is', async () => {
    await using scratch = await scratchFolder();
    const path = scratch.file('image');
    await writeFile(path, seedImage());
    expect(await inspect(path, { needsCidata: true })).toEqual({
      source: path,
      format: 'raw',
      fileBytes: seedImage().length,
      imageBytes: seedImage().length,
    });
  });

  it('goes by the first bytes and never by the name', async () => {
    await using scratch = await scratchFolder();
    await writeFile(scratch.file('image'), seedImage());
    await run('sh', [
      '-c',
      'gzip -c "$0" > "$1"',
      scratch.file('image'),
      scratch.file('image.zst'),
    ]);
    expect(await inspect(scratch.file('image.zst'))).toMatchObject({ format: 'gz' });
  });

  it.each(['raw', 'gz'])(
    'refuses one without CIDATA when an identity is to go in it: %s',
    async (format) => {
      await using scratch = await scratchFolder();
      const raw = scratch.file('raw');
      await writeFile(raw, unlabelled());
      await run('sh', ['-c', 'gzip -c "$0" > "$1"', raw, scratch.file('gz')]);
      await expect(inspect(scratch.file(format), { needsCidata: true })).rejects.toMatchObject({
        code: 'IMAGE_WITHOUT_CIDATA',
      });
      await expect(inspect(scratch.file(format))).resolves.toBeDefined();
    },
  );

  it('checks a checksum, of a file and of the seed', async () => {
    await using scratch = await scratchFolder();
    await writeFile(scratch.file('image'), 'some bytes');
    const right = createHash('sha256').update('some bytes').digest('hex');
    expect(await inspect(scratch.file('image'), { sha256: right })).toMatchObject({
      sha256: right,
    });
    await expect(inspect(scratch.file('image'), { sha256: '0'.repeat(64) })).rejects.toMatchObject({
      code: 'IMAGE_CHECKSUM_MISMATCH',
    });
    const seed = createHash('sha256').update(seedImage()).digest('hex');
    const facts = await createImageInspector().inspect({
      source: { kind: 'seed' },
      sha256: seed,
      needsCidata: true,
    });
    expect(facts).toMatchObject({ source: 'seed', sha256: seed });
  });

  it('hashes again when the file has changed since', async () => {
    await using scratch = await scratchFolder();
    const path = scratch.file('image');
    const inspector = createImageInspector();
    await writeFile(path, 'first');
    const sha256 = createHash('sha256').update('first').digest('hex');
    const request = { source: { kind: 'file', path }, sha256, needsCidata: false } as const;
    await inspector.inspect(request);
    await writeFile(path, 'other');
    await expect(inspector.inspect(request)).rejects.toMatchObject({
      code: 'IMAGE_CHECKSUM_MISMATCH',
    });
  });

  it('refuses what is empty, packed or raw', async () => {
    await using scratch = await scratchFolder();
    await writeFile(scratch.file('empty'), '');
    await expect(inspect(scratch.file('empty'))).rejects.toMatchObject({ code: 'IMAGE_EMPTY' });
    await run('gzip', [scratch.file('empty')]);
    await expect(inspect(scratch.file('empty.gz'), { needsCidata: true })).rejects.toMatchObject({
      code: 'IMAGE_EMPTY',
    });
  });

  it('refuses what is no file, and never waits for a named pipe', async () => {
    await using scratch = await scratchFolder();
    await mkdir(scratch.file('folder'));
    await run('mkfifo', [scratch.file('pipe')]);
    await symlink(scratch.file('missing'), scratch.file('link'));
    for (const name of ['folder', 'pipe', 'missing', 'link']) {
      await expect(inspect(scratch.file(name))).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    }
  });

  it.skipIf(missing('packers'))(
    'refuses a container that it knows and cannot unpack, by its name',
    async () => {
      await using scratch = await scratchFolder();
      await writeFile(scratch.file('image'), 'x'.repeat(1_000));
      await run('tar', ['-C', scratch.path, '-cf', scratch.file('tar'), 'image']);
      await run('xz', ['--format=lzma', '-k', '-0', scratch.file('image')]);
      await run('xz', ['--format=lzma', '-kf', '-9', '-S', '.nine', scratch.file('image')]);
      for (const name of ['tar', 'image.lzma', 'image.nine']) {
        await expect(inspect(scratch.file(name)), name).rejects.toMatchObject({
          code: 'IMAGE_UNSUPPORTED',
          details: { packedAs: expect.any(String) },
        });
      }
    },
  );
});
