import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A folder of a test's own, gone when the test is. `file(name)` is a path in it. */
export async function scratchFolder(
  parent = tmpdir(),
): Promise<AsyncDisposable & { readonly path: string; file(name: string): string }> {
  const folder = await mkdtemp(path.join(parent, 'syntropy-test-'));
  return {
    path: folder,
    file: (name) => path.join(folder, name),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
