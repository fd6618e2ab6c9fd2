import { build } from 'esbuild';
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

const sources: Readonly<Record<string, string>> = {
  'writer.mjs': 'src/core/platform/common/stick/writer-main.ts',
};

/**
 * Path of a built program: the one in dist/ when no source is newer, else one that is built for this test run, so that a test
 * never speaks of yesterday's program.
 */
export async function builtPath(name: 'writer.mjs'): Promise<string> {
  const built = path.resolve('dist', name);
  const fresh = existsSync(built) && (await stat(built)).mtimeMs > (await newest('src/core'));
  if (fresh) return built;
  // Under node_modules, so that packages are found from there.
  const outdir = path.resolve(`node_modules/.cache/syntropy-test-${process.pid}`);
  await build({
    entryPoints: { [path.parse(name).name]: path.resolve(sources[name] ?? '') },
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    splitting: true,
    packages: 'external',
    logLevel: 'warning',
  });
  return path.join(outdir, name);
}

async function newest(folder: string): Promise<number> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const times = await Promise.all(
    files
      .filter((entry) => entry.isFile())
      .map(async (entry) => (await stat(path.join(entry.parentPath, entry.name))).mtimeMs),
  );
  return Math.max(0, ...times);
}
