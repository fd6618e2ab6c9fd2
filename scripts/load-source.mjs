import { build } from 'esbuild';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/** Imports a TypeScript module of src/, bundled to a scratch file: for generators, which read the program as data. */
export async function loadSource(entry) {
  const outdir = path.resolve('node_modules/.cache/syntropy');
  await mkdir(outdir, { recursive: true });
  const outfile = path.join(outdir, `${entry.replaceAll(/[^a-z0-9]+/gi, '-')}.${process.pid}.mjs`);
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    packages: 'external',
    logLevel: 'warning',
  });
  return import(pathToFileURL(outfile).href);
}
