import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';

const NOISE_BYTES = 4 << 20;
const STREAMS = 100;

/**
 * An image of 400 MiB that takes bzip2 many seconds to unpack, so that a test can disturb its writing: one stream of noise,
 * again and again, which bzip2 unpacks as one file.
 */
export async function bzip2Image(file: string): Promise<string> {
  if (existsSync(file)) return file;
  const stream = execFileSync('bzip2', ['-c'], {
    input: randomBytes(NOISE_BYTES),
    maxBuffer: 1 << 30,
  });
  for (let count = 0; count < STREAMS; count += 1) await appendFile(file, stream);
  return file;
}
