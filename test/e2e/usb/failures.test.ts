import { execFile } from 'node:child_process';
import { open, readFile, truncate } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { DriveIdentity } from '../../../src/core/types/models/drive.js';

import { concatenate, pack, writeImage } from '../../support/images.js';
import { loopDevice, smallFilesystem } from '../../support/loop-device.js';
import { missing } from '../../support/requirements.js';
import { scratchFolder } from '../../support/scratch.js';
import { startFrozenAt, write } from '../../support/stick.js';

// Goal: a write that cannot end well says why, and what state the device is in; before the first byte, nothing is changed.
const run = promisify(execFile);
const MIB = 1 << 20;
const IMAGE_BYTES = 40 * MIB + 777;
/** Large enough that a write is still under way when a test has heard of it. */
const LARGE_BYTES = 400 * MIB;
/** Identity of a job whose device exists no longer, or never did. */
const NOWHERE: DriveIdentity = { path: '/dev/does-not-exist', sizeBytes: 48 * MIB };

describe.skipIf(missing('root', 'loop', 'packers'))('a write to a device', () => {
  let scratch: Awaited<ReturnType<typeof scratchFolder>>;
  let image: string;
  let large: string;

  beforeAll(async () => {
    scratch = await scratchFolder('/dev/shm');
    image = scratch.file('image');
    await writeImage(image, IMAGE_BYTES);
    large = scratch.file('large');
    await writeImage(large, LARGE_BYTES, 4);
  });
  afterAll(() => scratch[Symbol.asyncDispose]());

  const fromLarge = () => ({ source: { kind: 'file', path: large } }) as const;
  const fromImage = () => ({ source: { kind: 'file', path: image } }) as const;

  it('finds a byte that changed between writing and reading back, and says where', async () => {
    await using device = await loopDevice({ sizeBytes: LARGE_BYTES, empty: true });
    const target = { kind: 'device', identity: device.identity } as const;
    const writing = await startFrozenAt('flush', { ...fromLarge(), target });
    const flipped = LARGE_BYTES - 5;

    // All is written by now. The device's bytes are changed where no cache of the writer's sees it.
    await flip(device.backingFile, flipped);
    writing.thaw();

    await expect(writing.report).rejects.toMatchObject({
      code: 'VERIFY_FAILED',
      details: {
        targetState: 'unusable',
        fromByte: LARGE_BYTES - 4 * MIB,
        toByte: LARGE_BYTES,
      },
    });
  });

  it('ends when the device dies while it is read back', async () => {
    await using device = await loopDevice({ sizeBytes: LARGE_BYTES, empty: true });
    const target = { kind: 'device', identity: device.identity } as const;
    const writing = await startFrozenAt('verify', { ...fromLarge(), target });

    await truncate(device.backingFile, 4 * MIB);
    await run('losetup', ['--set-capacity', device.path]);
    writing.thaw();

    await expect(writing.report).rejects.toMatchObject({
      code: 'VERIFY_FAILED',
      details: { targetState: 'unusable' },
    });
  });

  it('ends when the device cannot give back what was written to it', async () => {
    await using device = await loopDevice({ sizeBytes: LARGE_BYTES, empty: true });
    const target = { kind: 'device', identity: device.identity } as const;
    const writing = await startFrozenAt('verify', { ...fromLarge(), target });

    // The device keeps its size: each read of what lies behind the file's new end is an I/O error.
    await truncate(device.backingFile, 4 * MIB);
    writing.thaw();

    await expect(writing.report).rejects.toMatchObject({
      code: 'VERIFY_FAILED',
      details: { targetState: 'unusable', errno: 'EIO' },
    });
  });

  it('ends when the space behind the device is used up', async () => {
    await using small = await smallFilesystem(16 * MIB);
    await using device = await loopDevice({ sizeBytes: 48 * MIB, folder: small.path, empty: true });

    await expect(
      write({ ...fromImage(), target: { kind: 'device', identity: device.identity } }),
    ).rejects.toMatchObject({
      code: 'DISK_FULL',
      details: { targetState: 'unusable', errno: 'ENOSPC' },
    });
  });

  it('is refused before the first byte when the image states that it is larger', async () => {
    await using device = await loopDevice({ sizeBytes: 8 * MIB });
    await expect(
      write({ ...fromImage(), target: { kind: 'device', identity: device.identity } }),
    ).rejects.toMatchObject({
      code: 'DEVICE_TOO_SMALL',
      details: { targetState: 'untouched', neededBytes: IMAGE_BYTES },
    });
    expect(await isUntouched(device.backingFile)).toBe(true);
  });

  it('fails at the end of the device when the image does not state its size', async () => {
    const packed = scratch.file('packed.gz');
    await pack('gzip', ['-1c'], image, packed);
    await using device = await loopDevice({ sizeBytes: 8 * MIB });
    await expect(
      write({
        source: { kind: 'file', path: packed },
        target: { kind: 'device', identity: device.identity },
      }),
    ).rejects.toMatchObject({ code: 'DISK_FULL', details: { targetState: 'unusable' } });
  });

  it('is refused for a device that is write-protected', async () => {
    await using device = await loopDevice({ sizeBytes: 48 * MIB, readOnly: true });
    await expect(
      write({ ...fromImage(), target: { kind: 'device', identity: device.identity } }),
    ).rejects.toMatchObject({ code: 'DEVICE_READ_ONLY', details: { targetState: 'untouched' } });
  });

  it('is refused while the device is mounted, and done after it is unmounted on request', async () => {
    await using device = await loopDevice({ sizeBytes: 48 * MIB });
    await using mountpoint = await scratchFolder();
    await run('mkfs.ext4', ['-q', device.path]);
    await run('mount', [device.path, mountpoint.path]);
    const job = { ...fromImage(), target: { kind: 'device', identity: device.identity } } as const;
    try {
      await expect(write(job)).rejects.toMatchObject({
        code: 'DEVICE_BUSY',
        details: { targetState: 'untouched' },
      });
      expect((await write({ ...job, unmount: true })).verified).toBe(true);
      expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(mountpoint.path);
    } finally {
      await run('umount', [mountpoint.path]).catch(() => undefined);
    }
  });

  it('is refused when what is mounted there is in use', async () => {
    await using device = await loopDevice({ sizeBytes: 48 * MIB });
    await using mountpoint = await scratchFolder();
    await run('mkfs.ext4', ['-q', device.path]);
    await run('mount', [device.path, mountpoint.path]);
    const busy = await open(mountpoint.file('open'), 'w');
    try {
      await expect(
        write({
          ...fromImage(),
          unmount: true,
          target: { kind: 'device', identity: device.identity },
        }),
      ).rejects.toMatchObject({ code: 'DEVICE_BUSY', details: { targetState: 'untouched' } });
    } finally {
      await busy.close();
      await run('umount', [mountpoint.path]);
    }
  });

  it('keeps every other writer away from its device', async () => {
    await using device = await loopDevice({ sizeBytes: LARGE_BYTES, empty: true });
    const job = { ...fromLarge(), target: { kind: 'device', identity: device.identity } } as const;
    const first = await startFrozenAt('write', job);

    await expect(write(job)).rejects.toMatchObject({
      code: 'DEVICE_BUSY',
      details: { targetState: 'untouched' },
    });
    first.thaw();
    expect((await first.report).verified).toBe(true);
  });

  it.each([
    { what: 'another serial', change: { serial: 'OTHER' } },
    { what: 'another size', change: { sizeBytes: 64 * MIB } },
    { what: 'another id', change: { byId: 'usb-other' } },
  ])('is refused when the device has $what than the one that was confirmed', async ({ change }) => {
    await using device = await loopDevice({ sizeBytes: 48 * MIB });
    const identity = { ...device.identity, ...change };
    await expect(
      write({ ...fromImage(), target: { kind: 'device', identity } }),
    ).rejects.toMatchObject({ code: 'DEVICE_CHANGED', details: { targetState: 'untouched' } });
    expect(await isUntouched(device.backingFile)).toBe(true);
  });

  it('is refused when the device is no longer there', async () => {
    await expect(
      write({ ...fromImage(), target: { kind: 'device', identity: NOWHERE } }),
    ).rejects.toMatchObject({ code: 'DEVICE_GONE', details: { targetState: 'untouched' } });
  });

  it('is refused before the first byte when the checksum is another', async () => {
    await using device = await loopDevice({ sizeBytes: 48 * MIB });
    await expect(
      write({
        ...fromImage(),
        sha256: '0'.repeat(64),
        target: { kind: 'device', identity: device.identity },
      }),
    ).rejects.toMatchObject({
      code: 'IMAGE_CHECKSUM_MISMATCH',
      details: { targetState: 'untouched' },
    });
    expect(await isUntouched(device.backingFile)).toBe(true);
  });

  it.each([
    { program: 'gzip', args: ['-1c'] },
    { program: 'xz', args: ['-0c'] },
    { program: 'zstd', args: ['-1qc'] },
    { program: 'bzip2', args: ['-1c'] },
  ])('calls the device unusable after an image of $program that was cut short', async (packer) => {
    const packed = scratch.file('packed');
    const short = scratch.file('short');
    const small = scratch.file('small');
    await writeImage(small, 9 * MIB, 5);
    await pack(packer.program, packer.args, small, packed);
    const whole = await readFile(packed);
    await concatenate(short, whole.subarray(0, whole.length - 1000));
    await using device = await loopDevice({ sizeBytes: 48 * MIB });
    await expect(
      write({
        source: { kind: 'file', path: short },
        target: { kind: 'device', identity: device.identity },
      }),
    ).rejects.toMatchObject({ code: 'IMAGE_CORRUPT', details: { targetState: 'unusable' } });
  });

  it('says that the image is gone when it went after it was looked at', async () => {
    await using device = await loopDevice({ sizeBytes: 48 * MIB });
    await expect(
      write({
        source: { kind: 'file', path: scratch.file('never') },
        target: { kind: 'device', identity: device.identity },
      }),
    ).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND', details: { targetState: 'untouched' } });
  });

  it('refuses an image without a place for the identity only after it wrote, when it could not know', async () => {
    await using device = await loopDevice({ sizeBytes: 48 * MIB });
    await expect(
      write({
        ...fromImage(),
        identityFiles: [{ path: 'meta-data', text: 'x' }],
        target: { kind: 'device', identity: device.identity },
      }),
    ).rejects.toMatchObject({ code: 'IMAGE_WITHOUT_CIDATA', details: { targetState: 'unusable' } });
  });
});

async function flip(file: string, at: number): Promise<void> {
  const handle = await open(file, 'r+');
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, at);
  await handle.write(Buffer.from([(byte[0] ?? 0) ^ 0xff]), 0, 1, at);
  await handle.close();
}

async function isUntouched(file: string): Promise<boolean> {
  return (await readFile(file)).every((byte) => byte === 0xff);
}
