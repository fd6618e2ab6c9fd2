import { execFile } from 'node:child_process';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

import { loopDevice } from '../../support/loop-device.js';
import { missing } from '../../support/requirements.js';
import { scratchFolder } from '../../support/scratch.js';
import { write } from '../../support/stick.js';

// Goal: the identity is on the device as other programs read it, wherever the image keeps its CIDATA volume.
const run = promisify(execFile);
const MIB = 1 << 20;
const identityFiles = [
  { path: 'meta-data', text: 'instance-id: "1"\nlocal-hostname: "node-01"\n' },
  { path: 'user-data', text: `#cloud-config\n${'# ü and more\n'.repeat(2_000)}` },
  { path: 'syntropy/join.env', text: 'SYNTROPY_NAME=node-01\n' },
];

interface Layout {
  readonly name: string;
  readonly fat: string;
  /** For sfdisk; a bare volume when absent. The volume's partition begins at `at` MiB. */
  readonly table?: string;
  readonly at: number;
}

const layouts: readonly Layout[] = [
  { name: 'FAT12 without a partition table', fat: '12', at: 0 },
  { name: 'FAT16 in an MBR', fat: '16', at: 1, table: 'label: dos\nstart=2048,size=49152,type=e' },
  {
    name: 'FAT32 in the second partition of a GPT',
    fat: '32',
    at: 20,
    table:
      'label: gpt\nstart=2048,size=16384,type=linux\nstart=40960,size=81920,type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  },
];

describe.skipIf(missing('root', 'loop', 'mtools'))('the identity', () => {
  it.each(layouts)('is read by mtools from $name', async ({ fat, table, at }) => {
    await using scratch = await scratchFolder('/dev/shm');
    const image = scratch.file('image');
    await makeImage({
      image,
      volume: scratch.file('volume'),
      fat,
      at,
      ...(table ? { table } : {}),
    });
    await using device = await loopDevice({ sizeBytes: 100 * MIB });

    const report = await write({
      source: { kind: 'file', path: image },
      target: { kind: 'device', identity: device.identity },
      identityFiles,
    });

    expect(report).toMatchObject({ verified: true, identityWritten: true });
    const place = `${device.backingFile}@@${at}M`;
    for (const { path, text } of identityFiles) {
      expect((await run('mtype', ['-i', place, `::${path}`])).stdout, path).toBe(text);
    }
    expect((await run('mtype', ['-i', place, '::kept'])).stdout).toBe('kept');
    await run('dd', [
      `if=${device.backingFile}`,
      `of=${scratch.file('after')}`,
      'bs=1M',
      `skip=${at}`,
      'count=40',
      'status=none',
    ]);
    expect((await run('fsck.vfat', ['-n', scratch.file('after')])).stdout).toMatch(/\d+ files/);
  });

  it('replaces one that the image had already', async () => {
    await using scratch = await scratchFolder('/dev/shm');
    const image = scratch.file('image');
    await makeImage({ image, volume: scratch.file('volume'), fat: '16', at: 0 });
    await writeFile(scratch.file('old'), 'old '.repeat(9_999));
    await run('mcopy', ['-i', image, scratch.file('old'), '::user-data']);
    await using device = await loopDevice({ sizeBytes: 64 * MIB });

    await write({
      source: { kind: 'file', path: image },
      target: { kind: 'device', identity: device.identity },
      identityFiles,
    });

    const { stdout } = await run('mtype', ['-i', device.backingFile, '::user-data']);
    expect(stdout).toBe(identityFiles[1]?.text);
  });

  it('is refused with what is wrong when its volume is full', async () => {
    await using scratch = await scratchFolder('/dev/shm');
    const image = scratch.file('image');
    await makeImage({ image, volume: scratch.file('volume'), fat: '12', at: 0, fill: true });
    await using device = await loopDevice({ sizeBytes: 64 * MIB });
    await expect(
      write({
        source: { kind: 'file', path: image },
        target: { kind: 'device', identity: device.identity },
        identityFiles,
      }),
    ).rejects.toMatchObject({ code: 'DISK_FULL', details: { targetState: 'unusable' } });
  });
});

async function makeImage(options: {
  image: string;
  volume: string;
  fat: string;
  at: number;
  table?: string;
  fill?: boolean;
}): Promise<void> {
  const { image, volume, fat, at, table } = options;
  const sizeMib = { 12: 4, 16: 24, 32: 40 }[fat] ?? 4;
  await writeFile(volume, '');
  await truncate(volume, sizeMib * MIB);
  await run('mkfs.vfat', ['-F', fat, ...(fat === '32' ? ['-s', '1'] : []), '-n', 'CIDATA', volume]);
  await writeFile(image, 'kept');
  await run('mcopy', ['-i', volume, image, '::kept']);
  if (options.fill) {
    await writeFile(image, Buffer.alloc(sizeMib * MIB, 1));
    // Takes all there is and then says that there is no more.
    await run('mcopy', ['-i', volume, image, '::filler']).catch(() => undefined);
    await run('sh', [
      '-c',
      'i=0; while head -c 2048 /dev/zero | mcopy -i "$0" - "::f$i" 2>/dev/null; do i=$((i+1)); done',
      volume,
    ]);
  }
  await writeFile(image, '');
  await truncate(image, (at + sizeMib) * MIB + (table ? 20 * MIB : 0));
  if (table !== undefined) {
    const sfdisk = run('sfdisk', ['-q', image]);
    sfdisk.child.stdin?.end(`${table}\n`);
    await sfdisk;
  }
  const disk = await readFile(image);
  (await readFile(volume)).copy(disk, at * MIB);
  await writeFile(image, disk);
}
