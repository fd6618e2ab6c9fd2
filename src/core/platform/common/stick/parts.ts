import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';

import type { WriteTarget } from '../../../types/models/stick.js';

/** Where an output file is written until it is complete: beside its place, so that moving it is a rename. */
export function partPath(file: string): string {
  return path.join(path.dirname(file), `.${path.basename(file)}.${randomUUID()}.part`);
}

/** Removes what a writer that was killed has left of an output file. One daemon writes a file once at a time. */
export async function removeParts(target: WriteTarget): Promise<void> {
  if (target.kind !== 'file') return;
  const folder = path.dirname(target.path);
  const prefix = `.${path.basename(target.path)}.`;
  const names = await readdir(folder).catch(() => []);
  const parts = names.filter(
    (name) => name.startsWith(prefix) && /\.[0-9a-f-]{36}\.part$/.test(name),
  );
  await Promise.all(parts.map((name) => rm(path.join(folder, name), { force: true })));
}
