import { execFile } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { appendFile, open, readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import zlib from 'node:zlib';

const run = promisify(execFile);
const PIECE_BYTES = 1 << 20;

/**
 * Bytes like those of a real disk image: runs of noise and long runs of zeros, of odd lengths. The same seed makes the same
 * bytes.
 */
export async function writeImage(file: string, sizeBytes: number, seed = 1): Promise<void> {
  const key = Buffer.alloc(16, seed);
  const noise = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  const lengths = createCipheriv('aes-128-ctr', key, Buffer.alloc(16, 1));
  const zeros = Buffer.alloc(PIECE_BYTES);
  const handle = await open(file, 'w');
  try {
    for (let at = 0, isNoise = true; at < sizeBytes; isNoise = !isNoise) {
      const runBytes = lengths.update(Buffer.alloc(4)).readUInt32LE() % (6 * PIECE_BYTES);
      const end = Math.min(sizeBytes, at + runBytes);
      while (at < end) {
        const piece = zeros.subarray(0, Math.min(PIECE_BYTES, end - at));
        if (isNoise) await handle.write(noise.update(piece), 0, piece.length, at);
        at += piece.length;
      }
    }
    await handle.truncate(sizeBytes);
  } finally {
    await handle.close();
  }
}

/** Packs a file by a program that writes to its standard output. */
export async function pack(
  program: string,
  args: readonly string[],
  file: string,
  to: string,
): Promise<void> {
  const { stdout } = await run(program, [...args, file], {
    encoding: 'buffer',
    maxBuffer: 1 << 30,
  });
  await writeFile(to, stdout);
}

export async function concatenate(
  to: string,
  ...parts: readonly (string | Buffer)[]
): Promise<void> {
  await writeFile(to, '');
  for (const part of parts) {
    await appendFile(to, typeof part === 'string' ? await readFile(part) : part);
  }
}

export interface ZipMember {
  readonly name: string;
  readonly bytes: Buffer;
  readonly stored?: boolean;
  readonly encrypted?: boolean;
  /** Sizes follow the data instead of going before it, as streaming programs write them. */
  readonly descriptor?: boolean;
}

/** A zip archive, made here so that every kind of entry can be had (PKWARE APPNOTE 6.3). */
export function zipOf(...members: readonly ZipMember[]): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const member of members) {
    const data = member.stored ? member.bytes : zlib.deflateRawSync(member.bytes);
    const flags = (member.encrypted ? 1 : 0) | (member.descriptor ? 8 : 0);
    const sums = Buffer.alloc(12);
    sums.writeUInt32LE(zlib.crc32(member.bytes), 0);
    sums.writeUInt32LE(data.length, 4);
    sums.writeUInt32LE(member.bytes.length, 8);
    const common = Buffer.alloc(10);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(member.stored ? 0 : 8, 4);
    const name = Buffer.from(member.name);
    const lengths = Buffer.from([name.length, 0, 0, 0]);
    const local = Buffer.concat([
      Buffer.from('PK\u0003\u0004'),
      common,
      member.descriptor ? Buffer.alloc(12) : sums,
      lengths,
      name,
      data,
      ...(member.descriptor ? [Buffer.from('PK\u0007\u0008'), sums] : []),
    ]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    central.push(
      Buffer.concat([Buffer.from('PK\u0001\u0002\u0014\u0000'), common, sums, lengths, tail, name]),
    );
    locals.push(local);
    at += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\u0005\u0006');
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...locals, directory, end]);
}
