import { readFile } from 'node:fs/promises';

import { AppError } from '../core/types/errors/app-error.js';
import { askNewSecret } from './prompts.js';

/** What a secret may be. */
const MAX_BYTES = 64 << 10;

interface SecretFlags {
  readonly 'from-file'?: string | undefined;
  readonly raw: boolean;
}

/**
 * The value of a secret: from a file as it is, from a person who is asked twice, or from standard input without one line feed at its end,
 * which `echo` and editors add, unless --raw is said.
 * @throws {AppError} USAGE_INVALID for an empty one or one that is too long, FILE_NOT_FOUND, CONFIRMATION_REQUIRED.
 */
export async function secretValue(flags: SecretFlags, json: boolean): Promise<Buffer> {
  const file = flags['from-file'];
  const value = file === undefined ? await typedOrPiped(flags.raw, json) : await bytesOf(file);
  if (value.length > 0 && value.length <= MAX_BYTES) return value;
  throw new AppError(
    'USAGE_INVALID',
    value.length === 0
      ? 'The value is empty; nothing was changed.'
      : 'The value is longer than 64 KiB; nothing was changed.',
  );
}

async function typedOrPiped(raw: boolean, json: boolean): Promise<Buffer> {
  if (!process.stdin.isTTY) {
    const bytes = await bytesOfStdin();
    return raw ? bytes : withoutLineEnd(bytes);
  }
  return Buffer.from(await askNewSecret({ message: 'Value:', flag: '--from-file', json }));
}

async function bytesOfStdin(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    const bytes = Buffer.from(chunk);
    chunks.push(bytes);
    length += bytes.length;
    // Two more than may be, for a line end that is left out.
    if (length > MAX_BYTES + 2) break;
  }
  return Buffer.concat(chunks);
}

/** One, be it `\n` or `\r\n`. */
export function withoutLineEnd(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}

async function bytesOf(file: string): Promise<Buffer> {
  return readFile(file).catch(() => {
    throw new AppError('FILE_NOT_FOUND', `The file ${file} cannot be read.`, { file });
  });
}
