import { execFile } from 'node:child_process';
import { readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

import { createOutputProbe } from '../../../src/core/platform/common/stick/output-probe.js';
import { seedImage } from '../../../src/core/platform/common/stick/seed-image.js';
import { writeImage } from '../../support/images.js';
import { scratchFolder } from '../../support/scratch.js';
import { startFrozenAt, startWrite, write } from '../../support/stick.js';

// Goal: an output file is there whole or not at all, and what had its name before stays until then.
const run = promisify(execFile);
const MIB = 1 << 20;

describe('an image that is written to a file', () => {
  // /dev/shm knows no O_DIRECT on older kernels, a folder of the repository's disk does.
  it.each(['/tmp', '/dev/shm'])(
    'is there byte for byte, with an odd length, in %s',
    async (parent) => {
      await using scratch = await scratchFolder(parent);
      const [image, output] = [scratch.file('image'), scratch.file('output')];
      await writeImage(image, 9 * MIB + 777);

      const report = await write({
        source: { kind: 'file', path: image },
        target: { kind: 'file', path: output, replace: false },
      });

      expect(report).toMatchObject({ verified: true, imageBytes: 9 * MIB + 777 });
      expect((await readFile(output)).equals(await readFile(image))).toBe(true);
      expect(((await stat(output)).mode & 0o777).toString(8)).toBe('644');
      expect((await readdir(scratch.path)).toSorted()).toEqual(['image', 'output']);
    },
  );

  it('is the seed with the identity in it, and nothing else of it differs', async () => {
    await using scratch = await scratchFolder();
    const output = scratch.file('output');
    const identityFiles = [
      { path: 'meta-data', text: 'instance-id: "1"\n' },
      { path: 'syntropy/join.env', text: 'SYNTROPY_NAME=node-01\n' },
    ];

    const report = await write({
      target: { kind: 'file', path: output, replace: false },
      identityFiles,
    });

    expect(report).toMatchObject({ identityWritten: true, verified: true });
    const bytes = await readFile(output);
    expect(bytes).toHaveLength(seedImage().length);
    expect(bytes.includes('SYNTROPY_NAME=node-01\n')).toBe(true);
    expect(bytes.subarray(0, MIB).equals(seedImage().subarray(0, MIB))).toBe(true);
  });

  it('never takes the place of another file, also of one that came meanwhile', async () => {
    await using scratch = await scratchFolder();
    const output = scratch.file('output');
    const writing = await startFrozenAt('write', {
      target: { kind: 'file', path: output, replace: false },
    });
    await writeFile(output, 'mine');
    writing.thaw();

    await expect(writing.report).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      details: { targetState: 'removed' },
    });
    expect(await readFile(output, 'utf8')).toBe('mine');
    expect(await readdir(scratch.path)).toEqual(['output']);
  });

  it('leaves the file before it whole until it is complete, and then replaces it', async () => {
    await using scratch = await scratchFolder();
    const output = scratch.file('output');
    await writeFile(output, 'before');
    const writing = await startFrozenAt('write', {
      target: { kind: 'file', path: output, replace: true },
    });
    expect(await readFile(output, 'utf8')).toBe('before');
    writing.thaw();
    await writing.report;
    expect((await readFile(output)).equals(seedImage())).toBe(true);
    expect(await readdir(scratch.path)).toEqual(['output']);
  });

  it('is gone after it was cancelled, and the file before it is still there', async () => {
    await using scratch = await scratchFolder();
    const output = scratch.file('output');
    await writeFile(output, 'before');
    const writing = await startFrozenAt('write', {
      target: { kind: 'file', path: output, replace: true },
    });
    writing.cancel();
    writing.thaw();
    await expect(writing.report).rejects.toMatchObject({
      code: 'OPERATION_CANCELLED',
      details: { targetState: 'removed' },
    });
    expect(await readFile(output, 'utf8')).toBe('before');
    expect(await readdir(scratch.path)).toEqual(['output']);
  });

  it('is gone after its writer was killed', async () => {
    await using scratch = await scratchFolder();
    const writing = await startFrozenAt('write', {
      target: { kind: 'file', path: scratch.file('output'), replace: false },
    });
    process.kill(await writing.pid, 'SIGKILL');
    await expect(writing.report).rejects.toMatchObject({
      code: 'WRITE_FAILED',
      details: { targetState: 'removed' },
    });
    expect(await readdir(scratch.path)).toEqual([]);
  });

  it('is gone after its source turned out to be damaged', async () => {
    await using scratch = await scratchFolder();
    const packed = scratch.file('packed.gz');
    await writeFile(scratch.file('image'), Buffer.alloc(6 * MIB, 'noise'));
    await run('gzip', ['-k', scratch.file('image')]);
    await writeFile(packed, (await readFile(scratch.file('image.gz'))).subarray(0, -9));
    const running = await startWrite({
      source: { kind: 'file', path: packed },
      target: { kind: 'file', path: scratch.file('output'), replace: false },
    });
    await expect(running.report).rejects.toMatchObject({
      code: 'IMAGE_CORRUPT',
      details: { targetState: 'removed' },
    });
    expect(await readdir(scratch.path)).not.toContain('output');
  });
});

describe('the place of an output file', () => {
  it('is fine when the folder is there and the name is free', async () => {
    await using scratch = await scratchFolder();
    await expect(check(scratch.file('output'))).resolves.toBeUndefined();
  });

  it('is refused where a file is, unless it may be replaced', async () => {
    await using scratch = await scratchFolder();
    const output = scratch.file('output');
    await writeFile(output, '');
    await expect(check(output)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    await expect(check(output, { replace: true })).resolves.toBeUndefined();
  });

  it.each(['/dev/null', '/dev'])('is refused for %s, which is no file', async (place) => {
    await expect(check(place, { replace: true })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });

  it('is refused for a link, which might lead anywhere', async () => {
    await using scratch = await scratchFolder();
    await symlink('/dev/null', scratch.file('link'));
    await expect(check(scratch.file('link'), { replace: true })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    });
  });

  it('is refused without its folder, or with a file in its place', async () => {
    await using scratch = await scratchFolder();
    await writeFile(scratch.file('file'), '');
    for (const folder of ['missing', 'file']) {
      await expect(check(path.join(scratch.path, folder, 'output'))).rejects.toMatchObject({
        code: 'FILE_NOT_FOUND',
      });
    }
  });

  it('is refused with less room than the image needs', async () => {
    await using scratch = await scratchFolder();
    await expect(check(scratch.file('output'), { imageBytes: 2 ** 60 })).rejects.toMatchObject({
      code: 'DISK_FULL',
    });
  });
});

function check(file: string, options: { replace?: boolean; imageBytes?: number } = {}) {
  return createOutputProbe().check({ path: file, replace: false, ...options });
}
