import { execFile } from 'node:child_process';
import { open, readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { concatenate, pack, writeImage, zipOf } from '../../support/images.js';
import { loopDevice } from '../../support/loop-device.js';
import { missing } from '../../support/requirements.js';
import { scratchFolder } from '../../support/scratch.js';
import { write } from '../../support/stick.js';

// Goal: whatever an image is packed as, the device holds its exact bytes afterwards, zeros included, and nothing beyond it changes.
const run = promisify(execFile);
const MIB = 1 << 20;
/** No multiple of any block size. */
const IMAGE_BYTES = 40 * MIB + 777;
const LARGE_BYTES = 200 * MIB;

describe.skipIf(missing('root', 'loop', 'packers'))(
  'an image on a device full of old bytes',
  () => {
    let scratch: Awaited<ReturnType<typeof scratchFolder>>;
    let image: string;

    beforeAll(async () => {
      scratch = await scratchFolder('/dev/shm');
      image = scratch.file('image');
      await writeImage(image, IMAGE_BYTES);
    });
    afterAll(() => scratch[Symbol.asyncDispose]());

    const formats: Readonly<Record<string, (to: string) => Promise<void>>> = {
      raw: (to) => concatenate(to, image),
      gz: (to) => pack('gzip', ['-c1'], image, to),
      xz: (to) => pack('xz', ['-c0T0', '--block-size=4MiB'], image, to),
      'xz in one block': (to) => pack('xz', ['-c0T1'], image, to),
      zst: (to) => pack('zstd', ['-c1q'], image, to),
      'zst with a long window': (to) => pack('zstd', ['-c1q', '--long=27'], image, to),
      bz2: (to) => pack('bzip2', ['-c1'], image, to),
      zip: async (to) =>
        writeFile(to, zipOf({ name: 'disk.img', bytes: await readFile(image), descriptor: true })),
      'zip, stored, in a folder': async (to) =>
        writeFile(
          to,
          zipOf(
            { name: 'image/', bytes: Buffer.alloc(0), stored: true },
            { name: 'image/disk.img', bytes: await readFile(image), stored: true },
          ),
        ),
    };

    it.each(Object.keys(formats))('is there byte for byte from %s', async (format) => {
      const packed = scratch.file('packed');
      await formats[format]?.(packed);
      await using device = await loopDevice({ sizeBytes: 48 * MIB });

      const report = await write({
        source: { kind: 'file', path: packed },
        target: { kind: 'device', identity: device.identity },
      });

      expect(report).toMatchObject({ verified: true, imageBytes: IMAGE_BYTES });
      expect(await difference(image, device.path, IMAGE_BYTES)).toBe('');
      const end = Math.ceil(IMAGE_BYTES / 4096) * 4096;
      expect(await bytesThatAreNotOld(device.path, end)).toBe('0');
      // The last block is filled up with zeros, not with what an earlier piece of the image left in memory.
      expect(await bytesBetween(device.path, IMAGE_BYTES, end)).toEqual(
        Buffer.alloc(end - IMAGE_BYTES),
      );
    });

    it('is there from a large xz of noise and long holes, which a usual tool writes wrong', async () => {
      const large = scratch.file('large');
      const packed = scratch.file('large.xz');
      await writeImage(large, LARGE_BYTES, 2);
      await run('sh', ['-c', 'xz -0 -T0 --block-size=8MiB -c "$0" > "$1"', large, packed]);
      await using device = await loopDevice({ sizeBytes: LARGE_BYTES });

      await write({
        source: { kind: 'file', path: packed },
        target: { kind: 'device', identity: device.identity },
        verify: false,
      });

      expect(await difference(large, device.path, LARGE_BYTES)).toBe('');
    });

    it('is there on a device with blocks of 4096 bytes', async () => {
      await using device = await loopDevice({ sizeBytes: 48 * MIB, logicalBlockBytes: 4096 });
      const report = await write({
        source: { kind: 'file', path: image },
        target: { kind: 'device', identity: device.identity },
      });
      expect(report.verified).toBe(true);
      expect(await difference(image, device.path, IMAGE_BYTES)).toBe('');
    });

    it('fills a device of just its size, whose last block is a part of 4096 bytes', async () => {
      const exact = scratch.file('exact');
      await writeImage(exact, 5 * MIB + 512, 3);
      await using device = await loopDevice({ sizeBytes: 5 * MIB + 512 });
      await write({
        source: { kind: 'file', path: exact },
        target: { kind: 'device', identity: device.identity },
      });
      expect(await difference(exact, device.path, 5 * MIB + 512)).toBe('');
    });

    it('tells its progress in order, to the last byte of each phase', async () => {
      await using device = await loopDevice({ sizeBytes: 48 * MIB });
      const seen: string[] = [];
      await write(
        {
          source: { kind: 'file', path: image },
          target: { kind: 'device', identity: device.identity },
          sha256: (await run('sha256sum', [image])).stdout.slice(0, 64),
        },
        ({ phase, doneBytes, totalBytes }) => {
          if (doneBytes === IMAGE_BYTES && totalBytes === IMAGE_BYTES) seen.push(phase);
        },
      );
      expect([...new Set(seen)]).toEqual(['checksum', 'write', 'flush', 'verify']);
    });
  },
);

/** Where the program says nothing and ends well, the two are equal in their first bytes. */
async function difference(one: string, other: string, bytes: number): Promise<string> {
  const { stdout } = await run('cmp', ['--bytes', String(bytes), one, other]).catch(
    (error: { stdout: string }) => error,
  );
  return stdout;
}

async function bytesThatAreNotOld(device: string, from: number): Promise<string> {
  const script = `tail -c +${from + 1} "$0" | tr -d '\\377' | wc -c`;
  return (await run('sh', ['-c', script, device])).stdout.trim();
}

async function bytesBetween(device: string, from: number, to: number): Promise<Buffer> {
  await using handle = await open(device);
  const { buffer } = await handle.read(Buffer.alloc(to - from), 0, to - from, from);
  return buffer;
}
