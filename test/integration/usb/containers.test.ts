import { execFile } from 'node:child_process';
import { open, readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ImageFormat } from '../../../src/core/types/models/image.js';

import { createImageInspector } from '../../../src/core/platform/common/stick/image-inspector.js';
import { unpackHere } from '../../../src/core/platform/common/stick/unpack-program.js';
import { unpack } from '../../../src/core/platform/common/stick/unpack.js';
import { collect } from '../../support/collect.js';
import { concatenate, pack, writeImage, type ZipMember, zipOf } from '../../support/images.js';
import { missing } from '../../support/requirements.js';
import { scratchFolder } from '../../support/scratch.js';

// Goal: what a usual program packs, in whatever pieces, comes out whole; what is damaged anywhere is an error, never fewer bytes.
const run = promisify(execFile);
const PART_BYTES = 3_000_001;

describe.skipIf(missing('packers'))('a packed image', () => {
  let scratch: Awaited<ReturnType<typeof scratchFolder>>;
  let whole: Buffer;

  beforeAll(async () => {
    scratch = await scratchFolder();
    await writeImage(scratch.file('a'), PART_BYTES, 11);
    await writeImage(scratch.file('b'), PART_BYTES, 12);
    whole = Buffer.concat([await readFile(scratch.file('a')), await readFile(scratch.file('b'))]);
    await writeFile(scratch.file('whole'), whole);
    for (const [program, ...args] of [
      ['gzip', '-1c'],
      ['xz', '-0c'],
      ['zstd', '-1qc'],
      ['bzip2', '-1c'],
    ] as const) {
      for (const part of ['a', 'b', 'whole']) {
        await pack(program, args, scratch.file(part), scratch.file(`${part}.${program}`));
      }
    }
  });
  afterAll(() => scratch[Symbol.asyncDispose]());

  const skippable = Buffer.concat([Buffer.from('502a4d1804000000', 'hex'), Buffer.from('abcd')]);
  const file = (name: string) => scratch.file(name);
  const inPieces: readonly { what: string; format: Packed; parts: () => (string | Buffer)[] }[] = [
    { what: 'two gzip members', format: 'gz', parts: () => [file('a.gzip'), file('b.gzip')] },
    {
      what: 'gzip padded with zeros',
      format: 'gz',
      parts: () => [file('whole.gzip'), Buffer.alloc(999)],
    },
    {
      what: 'two xz streams with padding',
      format: 'xz',
      parts: () => [file('a.xz'), Buffer.alloc(8), file('b.xz'), Buffer.alloc(4)],
    },
    { what: 'two bzip2 streams', format: 'bz2', parts: () => [file('a.bzip2'), file('b.bzip2')] },
    { what: 'two zstd frames', format: 'zst', parts: () => [file('a.zstd'), file('b.zstd')] },
    {
      what: 'zstd frames between frames to be skipped',
      format: 'zst',
      parts: () => [skippable, file('a.zstd'), skippable, skippable, file('b.zstd'), skippable],
    },
  ];

  it.each(inPieces)('comes out whole from $what', async ({ format, parts }) => {
    await concatenate(file('packed'), ...parts());
    expect((await unpacked(file('packed'), format)).equals(whole)).toBe(true);
  });

  it.each(['gz', 'xz', 'zst', 'bz2'] as const)(
    'comes out whole from %s, slowly taken',
    async (format) => {
      await concatenate(file('packed'), file(`whole.${programs[format]}`));
      expect((await unpacked(file('packed'), format, 1)).equals(whole)).toBe(true);
    },
  );

  it.each(['gz', 'xz', 'zst', 'bz2'] as const)(
    'is an error wherever a file of %s is cut',
    async (format) => {
      const packed = await readFile(file(`whole.${programs[format]}`));
      for (const cut of [1, 3, 8, 13, 100, packed.length >> 1, packed.length - 20]) {
        await writeFile(file('cut'), packed.subarray(0, packed.length - cut));
        await expect(unpacked(file('cut'), format), `cut by ${cut}`).rejects.toMatchObject({
          code: 'IMAGE_CORRUPT',
        });
      }
    },
  );

  it.each(['gz', 'xz', 'zst', 'bz2'] as const)(
    'is an error when a byte of %s is another',
    async (format) => {
      const packed = await readFile(file(`whole.${programs[format]}`));
      const at = Math.floor(packed.length * 0.4);
      packed.writeUInt8((packed[at] ?? 0) ^ 0x55, at);
      await writeFile(file('damaged'), packed);
      await expect(unpacked(file('damaged'), format)).rejects.toMatchObject({
        code: 'IMAGE_CORRUPT',
      });
    },
  );

  it.each(['gz', 'xz', 'zst'] as const)(
    'is an error when something follows the end of %s',
    async (format) => {
      await concatenate(file('more'), file(`whole.${programs[format]}`), Buffer.from('and more'));
      await expect(unpacked(file('more'), format)).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' });
    },
  );

  it('is an error when more than zeros follows the padding of gz', async () => {
    await concatenate(file('more'), file('whole.gzip'), Buffer.alloc(512), Buffer.from('and more'));
    await expect(unpacked(file('more'), 'gz')).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' });
  });

  describe('on a machine without xz and bzip2', () => {
    it.each(['xz', 'bz2'] as const)(
      'comes out whole from %s, in one piece and in two',
      async (format) => {
        const program = programs[format];
        expect((await unpackedHere(file(`whole.${program}`), format)).equals(whole)).toBe(true);
        await concatenate(file('two'), file(`a.${program}`), file(`b.${program}`));
        expect((await unpackedHere(file('two'), format)).equals(whole)).toBe(true);
      },
    );

    it.each(['xz', 'bz2'] as const)('is an error when %s is cut or damaged', async (format) => {
      const packed = await readFile(file(`whole.${programs[format]}`));
      for (const cut of [1, 5, 12, 1000]) {
        await writeFile(file('cut'), packed.subarray(0, packed.length - cut));
        await expect(unpackedHere(file('cut'), format)).rejects.toMatchObject({
          code: 'IMAGE_CORRUPT',
        });
      }
      packed.writeUInt8((packed[200_000] ?? 0) ^ 0x55, 200_000);
      await writeFile(file('damaged'), packed);
      await expect(unpackedHere(file('damaged'), format)).rejects.toMatchObject({
        code: 'IMAGE_CORRUPT',
      });
    });

    it('is refused when its xz has checks that only xz itself knows', async () => {
      await pack('xz', ['-0c', '--check=sha256'], file('a'), file('sha.xz'));
      await expect(unpackedHere(file('sha.xz'), 'xz')).rejects.toMatchObject({
        code: 'IMAGE_UNSUPPORTED',
      });
      expect((await unpacked(file('sha.xz'), 'xz')).equals(whole.subarray(0, PART_BYTES))).toBe(
        true,
      );
    });
  });

  describe('states its size', () => {
    it.each(['xz', 'zst'] as const)('in %s, also in several pieces', async (format) => {
      const program = programs[format];
      expect(await statedBytes(file(`whole.${program}`))).toBe(whole.length);
      await concatenate(file('two'), file(`a.${program}`), file(`b.${program}`));
      expect(await statedBytes(file('two'))).toBe(whole.length);
    });

    it('in zip', async () => {
      await writeFile(file('zip'), zipOf({ name: 'disk.img', bytes: whole, descriptor: true }));
      expect(await statedBytes(file('zip'))).toBe(whole.length);
    });

    it('not in gz, bz2 and a zst that was packed from a pipe', async () => {
      await run('sh', ['-c', 'cat "$0" | zstd -1qc > "$1"', file('whole'), file('piped.zst')]);
      for (const name of ['whole.gzip', 'whole.bzip2', 'piped.zst']) {
        expect(await statedBytes(file(name))).toBeUndefined();
      }
    });

    it('not when what follows adds up to something else', async () => {
      await concatenate(file('more'), file('whole.zstd'), Buffer.from('more'));
      expect(await statedBytes(file('more'))).toBeUndefined();
      await concatenate(file('more'), file('whole.xz'), Buffer.from('morefour'));
      expect(await statedBytes(file('more'))).toBeUndefined();
    });
  });
});

describe('a zip file', () => {
  const image = zlib.deflateRawSync(Buffer.alloc(5_000, 'noise'));

  it('with one file among folders and what a Mac adds is that file', async () => {
    const facts = await inspect(
      { name: 'folder/', bytes: Buffer.alloc(0), stored: true },
      { name: 'folder/disk.img', bytes: image },
      { name: '__MACOSX/folder/._disk.img', bytes: image },
    );
    expect(facts).toMatchObject({ format: 'zip', imageBytes: image.length });
  });

  it.each([
    {
      what: 'with two files',
      members: [
        { name: 'a', bytes: image },
        { name: 'b', bytes: image },
      ],
      code: 'IMAGE_AMBIGUOUS',
    },
    { what: 'with no file', members: [], code: 'IMAGE_EMPTY' },
    {
      what: 'that is encrypted',
      members: [{ name: 'a', bytes: image, encrypted: true }],
      code: 'IMAGE_UNSUPPORTED',
    },
  ])('$what is refused', async ({ members, code }) => {
    await expect(inspect(...members)).rejects.toMatchObject({ code });
  });

  it('whose end is missing is damaged', async () => {
    await using scratch = await scratchFolder();
    const bytes = zipOf({ name: 'a', bytes: image });
    await writeFile(scratch.file('zip'), bytes.subarray(0, bytes.length - 30));
    await expect(
      createImageInspector().inspect({
        source: { kind: 'file', path: scratch.file('zip') },
        needsCidata: false,
      }),
    ).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' });
  });

  it('whose data do not have their checksum is damaged', async () => {
    await using scratch = await scratchFolder();
    const bytes = zipOf({ name: 'a', bytes: image, stored: true });
    bytes.writeUInt8(bytes.readUInt8(45) ^ 1, 45);
    await writeFile(scratch.file('zip'), bytes);
    await expect(unpacked(scratch.file('zip'), 'zip')).rejects.toMatchObject({
      code: 'IMAGE_CORRUPT',
    });
  });
});

type Packed = Exclude<ImageFormat, 'raw'>;

const programs = { gz: 'gzip', xz: 'xz', zst: 'zstd', bz2: 'bzip2' } as const;

async function unpacked(path: string, format: Packed, pauseMs?: number): Promise<Buffer> {
  await using handle = await open(path);
  return await collect(unpack(handle, (await handle.stat()).size, format), pauseMs);
}

async function unpackedHere(path: string, format: 'xz' | 'bz2'): Promise<Buffer> {
  await using handle = await open(path);
  return await collect(unpackHere(handle, format), 1);
}

async function statedBytes(path: string): Promise<number | undefined> {
  const source = { kind: 'file', path } as const;
  return (await createImageInspector().inspect({ source, needsCidata: false })).imageBytes;
}

async function inspect(...members: readonly ZipMember[]) {
  await using scratch = await scratchFolder();
  await writeFile(scratch.file('zip'), zipOf(...members));
  const source = { kind: 'file', path: scratch.file('zip') } as const;
  return await createImageInspector().inspect({ source, needsCidata: false });
}
