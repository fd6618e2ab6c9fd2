import { execFile } from 'node:child_process';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

import { FatVolume } from '../../../src/core/platform/common/stick/fat/volume.js';
import { seedImage } from '../../../src/core/platform/common/stick/seed-image.js';
import { missing } from '../../support/requirements.js';
import { scratchFolder } from '../../support/scratch.js';

// Goal: what we write into a FAT volume is what other programs read from it, and their checker finds nothing to say.
const run = promisify(execFile);
const NOW = new Date('2026-03-04T05:06:08Z');
const SEED_PARTITION_BYTES = 1 << 20;

function memoryDisk(bytes: Buffer) {
  return {
    read: async (at: number, length: number) => Buffer.from(bytes.subarray(at, at + length)),
    write: async (at: number, piece: Buffer) => void piece.copy(bytes, at),
  };
}

async function openVolume(bytes: Buffer, at = 0): Promise<FatVolume> {
  const volume = await FatVolume.open(memoryDisk(bytes), at);
  if (!volume) throw new Error('The test image is no FAT volume.');
  return volume;
}

async function madeBy(file: string, size: string, ...options: string[]): Promise<Buffer> {
  await writeFile(file, '');
  await truncate(file, Number(size) << 20);
  await run('mkfs.vfat', ['-n', 'CIDATA', ...options, file]);
  return readFile(file);
}

/** All that the checker says when all is well: its own version and one line of counts. */
const CLEAN = /^fsck\.fat [^\n]*\n[^\n]*: \d+ files, \d+\/\d+ clusters\n$/;

async function check(file: string): Promise<string> {
  const { stdout } = await run('fsck.vfat', ['-n', file]);
  return stdout;
}

const kinds = [
  { name: 'FAT12', size: '2', options: ['-F', '12'] },
  { name: 'FAT16', size: '24', options: ['-F', '16'] },
  { name: 'FAT32', size: '48', options: ['-F', '32', '-s', '1'] },
  { name: 'FAT32 with 4096-byte sectors', size: '300', options: ['-F', '32', '-S', '4096'] },
  { name: 'FAT16 with one table', size: '24', options: ['-F', '16', '-f', '1'] },
];

describe.skipIf(missing('mtools'))('a FAT volume', () => {
  it.each(kinds)('takes files on $name that mtools reads and fsck accepts', async (kind) => {
    await using scratch = await scratchFolder();
    const file = scratch.file('volume');
    const bytes = await madeBy(file, kind.size, ...kind.options);
    const long = 'x'.repeat(100_000);

    const volume = await openVolume(bytes);
    await volume.write('meta-data', Buffer.from('first, and longer than what follows'), NOW);
    await volume.write('meta-data', Buffer.from('second'), NOW);
    await volume.write('user-data', Buffer.from(long), NOW);
    await volume.write('syntropy/join.env', Buffer.from('A=1\n'), NOW);
    await volume.write('syntropy/empty', Buffer.alloc(0), NOW);
    await volume.flush();
    await writeFile(file, bytes);

    expect(await check(file)).toMatch(CLEAN);
    expect((await run('mtype', ['-i', file, '::meta-data'])).stdout).toBe('second');
    expect((await run('mtype', ['-i', file, '::user-data'])).stdout).toBe(long);
    expect((await run('mtype', ['-i', file, '::syntropy/join.env'])).stdout).toBe('A=1\n');
    const listed = (await run('mdir', ['-i', file, '::'])).stdout;
    expect(listed).toMatch(/META-D~1\s+6 2026-03-04\s+5:06\s+meta-data/);
    expect(await (await openVolume(bytes)).label()).toBe('CIDATA');
  });

  it('replaces what mtools has written, whatever its case, and leaves other files alone', async () => {
    await using scratch = await scratchFolder();
    const file = scratch.file('volume');
    await madeBy(file, '24', '-F', '16');
    await writeFile(scratch.file('old'), 'o'.repeat(50_000));
    await run('mcopy', ['-i', file, scratch.file('old'), '::USER-DATA']);
    await run('mcopy', ['-i', file, scratch.file('old'), '::other']);
    const bytes = await readFile(file);

    const volume = await openVolume(bytes);
    await volume.write('user-data', Buffer.from('new'), NOW);
    await volume.flush();
    await writeFile(file, bytes);

    expect(await check(file)).toMatch(CLEAN);
    expect((await run('mtype', ['-i', file, '::user-data'])).stdout).toBe('new');
    expect((await run('mtype', ['-i', file, '::other'])).stdout).toBe('o'.repeat(50_000));
    expect((await run('mdir', ['-b', '-i', file, '::'])).stdout.trim().split('\n')).toHaveLength(2);
  });

  it('gives a folder more room when many long names need it', async () => {
    await using scratch = await scratchFolder();
    const file = scratch.file('volume');
    const bytes = await madeBy(file, '48', '-F', '32', '-s', '1');
    const names = Array.from({ length: 60 }, (_, index) => `a name that is long, number ${index}`);

    const volume = await openVolume(bytes);
    for (const name of names) await volume.write(`many/${name}`, Buffer.from(name), NOW);
    await volume.flush();
    await writeFile(file, bytes);

    expect(await check(file)).toMatch(CLEAN);
    const again = await openVolume(bytes);
    for (const name of names) expect(String(await again.read(`many/${name}`))).toBe(name);
    const listed = (await run('mdir', ['-b', '-i', file, '::many'])).stdout;
    expect(listed.trim().split('\n')).toHaveLength(60);
  });

  it('writes into the built-in seed, which fsck accepts', async () => {
    await using scratch = await scratchFolder();
    const disk = seedImage();
    const volume = await openVolume(disk, SEED_PARTITION_BYTES);
    await volume.write('syntropy/join.env', Buffer.from('A=1\n'), NOW);
    await volume.flush();
    await writeFile(scratch.file('disk'), disk);
    await writeFile(scratch.file('volume'), disk.subarray(SEED_PARTITION_BYTES));

    expect(await check(scratch.file('volume'))).toMatch(CLEAN);
    const image = `${scratch.file('disk')}@@1M`;
    expect((await run('mtype', ['-i', image, '::syntropy/join.env'])).stdout).toBe('A=1\n');
    expect((await run('mlabel', ['-s', '-i', image])).stdout).toContain('CIDATA');
  });
});
