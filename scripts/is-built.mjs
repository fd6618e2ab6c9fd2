import { glob, stat } from 'node:fs/promises';

/** Whether dist/ is newer than everything that it is made of. */
export async function isBuilt() {
  const built = await stat('dist/oclif.manifest.json').catch(() => undefined);
  if (!built) return false;
  for await (const file of glob(['src/**/*', 'scripts/**/*', 'package-lock.json'])) {
    if ((await stat(file)).mtimeMs > built.mtimeMs) return false;
  }
  return true;
}
