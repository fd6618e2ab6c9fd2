import type { Dirent } from 'node:fs';

import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** Larger files hold no copy of what was on a stick. */
const MAX_FILE_BYTES = 8 << 20;
const MAX_ENTRIES = 20_000;
/** A partition with an identity is as large as that of an image, at most. */
const MAX_DEVICE_BYTES = 4 * 2 ** 30;
const CHUNK_BYTES = 4 << 20;

/**
 * Overwrites a secret wherever it is in these files, folders and devices, in its place: what surrounds it, and the length of what it is
 * in, stay as they are, and no older copy is left on the disk. Answers in how many places it was. What cannot be opened or read is left: the secret is spent.
 */
export async function wipeSecret(secret: string, places: readonly string[]): Promise<number> {
  const budget = { entries: MAX_ENTRIES };
  let count = 0;
  for (const place of places) {
    const stats = await stat(place).catch(() => undefined);
    if (stats?.isDirectory()) count += await wipeFolder(secret, place, budget);
    else if (stats?.isBlockDevice()) count += await wipeIn(secret, place, MAX_DEVICE_BYTES);
    else if (stats?.isFile()) count += await wipeIn(secret, place, MAX_FILE_BYTES);
  }
  return count;
}

async function wipeFolder(
  secret: string,
  folder: string,
  budget: { entries: number },
): Promise<number> {
  let count = 0;
  for (const entry of await readdir(folder, { withFileTypes: true }).catch((): Dirent[] => [])) {
    budget.entries -= 1;
    if (budget.entries < 0) break;
    const inside = path.join(folder, entry.name);
    // Links lead elsewhere.
    if (entry.isDirectory()) count += await wipeFolder(secret, inside, budget);
    else if (entry.isFile()) count += await wipeIn(secret, inside, MAX_FILE_BYTES);
  }
  return count;
}

async function wipeIn(secret: string, file: string, maxBytes: number): Promise<number> {
  const handle = await open(file, 'r+').catch(() => undefined);
  if (!handle) return 0;
  try {
    return await overwrite(handle, Buffer.from(secret), maxBytes);
  } catch {
    // Such as a stick that was pulled.
    return 0;
  } finally {
    await handle.close();
  }
}

/** Reads in chunks that overlap, so that no copy lies across the end of one unseen. */
async function overwrite(handle: FileHandle, secret: Buffer, maxBytes: number): Promise<number> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  const blank = Buffer.alloc(secret.length, 'x');
  let count = 0;
  for (let from = 0; from < maxBytes; from += CHUNK_BYTES - secret.length + 1) {
    const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES, from);
    const read = chunk.subarray(0, bytesRead);
    for (let at = read.indexOf(secret); at >= 0; at = read.indexOf(secret, at + 1)) {
      await handle.write(blank, 0, blank.length, from + at);
      count += 1;
    }
    if (bytesRead < CHUNK_BYTES) break;
  }
  if (count > 0) await handle.sync();
  return count;
}
