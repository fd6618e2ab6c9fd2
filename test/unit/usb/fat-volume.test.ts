import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { findFatVolume } from '../../../src/core/platform/common/stick/fat-volume.js';
import { FatVolume } from '../../../src/core/platform/common/stick/fat/volume.js';
import { seedImage } from '../../../src/core/platform/common/stick/seed-image.js';

const NOW = new Date('2026-03-04T05:06:08Z');
const PARTITION = 1 << 20;

function disk(bytes = seedImage()) {
  return {
    bytes,
    read: async (at: number, length: number) => Buffer.from(bytes.subarray(at, at + length)),
    write: async (at: number, piece: Buffer) => void piece.copy(bytes, at),
  };
}

async function volumeOf(on: ReturnType<typeof disk>, at = PARTITION): Promise<FatVolume> {
  const volume = await FatVolume.open(on, at);
  if (!volume) throw new Error('no volume');
  return volume;
}

describe('files of a FAT volume', () => {
  // Goal: whatever is written in whatever order, the last text of each path is what a fresh look reads.
  it('are read back as they were last written', async () => {
    const name = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9._ -]{0,30}[a-zA-Z0-9]$/);
    const write = fc.record({
      folder: fc.option(fc.constantFrom('one', 'Two', 'a long folder name'), { nil: undefined }),
      name: fc.oneof(name, fc.constantFrom('meta-data', 'META-DATA', 'a.b', 'A.B')),
      bytes: fc.uint8Array({ maxLength: 9_000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(write, { maxLength: 25 }), async (writes) => {
        const on = disk();
        const volume = await volumeOf(on);
        const wanted = new Map<string, Buffer>();
        for (const { folder, name: file, bytes } of writes) {
          const path = folder === undefined ? file : `${folder}/${file}`;
          // A file may stand where a folder of this name would go.
          if (/^(one|two|a long folder name)$/i.test(file)) continue;
          await volume.write(path, Buffer.from(bytes), NOW);
          wanted.set(path.toUpperCase(), Buffer.from(bytes));
        }
        await volume.flush();
        const again = await volumeOf(on);
        for (const [path, bytes] of wanted) expect(await again.read(path)).toEqual(bytes);
      }),
      { numRuns: 40 },
    );
  });

  it('do not fit a volume that is full, which says so and stays as it was', async () => {
    const on = disk();
    const volume = await volumeOf(on);
    await volume.write('meta-data', Buffer.from('kept'), NOW);

    await expect(volume.write('big', Buffer.alloc(20 << 20), NOW)).rejects.toMatchObject({
      code: 'DISK_FULL',
    });
    await volume.flush();
    expect(String(await (await volumeOf(on)).read('meta-data'))).toBe('kept');
  });

  it('give their clusters back when they are replaced', async () => {
    const volume = await volumeOf(disk());
    // Far more in all than the volume holds.
    for (let round = 0; round < 30; round += 1) {
      await volume.write('user-data', Buffer.alloc(5 << 20, round), NOW);
    }
    expect(await volume.read('user-data')).toEqual(Buffer.alloc(5 << 20, 29));
  });

  it.each(['a/../b', 'a:b', 'a\u0000', 'ü', '', 'x'.repeat(256), 'dot.'])(
    'are refused by the name %j',
    async (path) => {
      const volume = await volumeOf(disk());
      await expect(volume.write(path, Buffer.alloc(1), NOW)).rejects.toMatchObject({
        code: 'INPUT_INVALID',
      });
    },
  );

  it('are never followed round a loop in the allocation table', async () => {
    const on = disk();
    const volume = await volumeOf(on);
    await volume.write('meta-data', Buffer.alloc(5_000, 1), NOW);
    await volume.flush();
    // Clusters 2 and 3 now point at each other.
    on.bytes.writeUInt16LE(3, PARTITION + 512 + 4);
    on.bytes.writeUInt16LE(2, PARTITION + 512 + 6);

    await expect((await volumeOf(on)).read('meta-data')).rejects.toMatchObject({
      code: 'IMAGE_CORRUPT',
    });
  });
});

describe('the volume labelled CIDATA', () => {
  it('is found in an MBR partition, whatever the case of the label', async () => {
    expect(await findFatVolume(disk().read, 'cidata')).toMatchObject({ offsetBytes: PARTITION });
  });

  it('is found on a disk without a partition table', async () => {
    const bare = disk(seedImage().subarray(PARTITION));
    expect(await findFatVolume(bare.read, 'CIDATA')).toMatchObject({ offsetBytes: 0 });
  });

  it('is found in a GPT partition', async () => {
    const bytes = seedImage();
    bytes.writeUInt8(0xee, 446 + 4);
    bytes.write('EFI PART', 512, 'latin1');
    bytes.writeBigUInt64LE(2n, 512 + 72);
    bytes.writeUInt32LE(128, 512 + 80);
    bytes.writeUInt32LE(128, 512 + 84);
    bytes.fill(1, 1024 + 128, 1024 + 144);
    bytes.writeBigUInt64LE(2048n, 1024 + 128 + 32);
    expect(await findFatVolume(disk(bytes).read, 'CIDATA')).toMatchObject({
      offsetBytes: PARTITION,
    });
  });

  it('is not found where another label is, or nothing', async () => {
    expect(await findFatVolume(disk().read, 'BOOT')).toBeUndefined();
    expect(await findFatVolume(disk(Buffer.alloc(1 << 20)).read, 'CIDATA')).toBeUndefined();
    expect(await findFatVolume(disk(Buffer.alloc(100)).read, 'CIDATA')).toBeUndefined();
  });

  it('is never a crash, whatever the bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(4096), fc.nat(255)), { maxLength: 60 }),
        async (changes) => {
          const bytes = seedImage();
          for (const [at, value] of changes) {
            bytes.writeUInt8(value, at % 2 === 0 ? at % 512 : PARTITION + (at % 512));
          }
          const found = await findFatVolume(disk(bytes).read, 'CIDATA');
          expect(found?.label ?? 'CIDATA').toBe('CIDATA');
        },
      ),
      { numRuns: 200 },
    );
  });
});
