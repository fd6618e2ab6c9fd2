// Makes dist/: the writer and the daemon as ES modules, the command line as described in scripts/build-cli.mjs.
import { build } from 'esbuild';
import { cp, mkdir, readFile, rm } from 'node:fs/promises';

import { buildCli } from './build-cli.mjs';

const { version } = JSON.parse(await readFile('package.json', 'utf8'));

const common = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  logLevel: 'warning',
  sourcemap: false,
  legalComments: 'none',
};

await rm('dist', { recursive: true, force: true });
await mkdir('dist', { recursive: true });
await Promise.all([
  buildCli(),
  build({
    ...common,
    entryPoints: { writer: 'src/core/platform/common/stick/writer-main.ts' },
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    format: 'esm',
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    packages: 'external',
  }),
  build({
    ...common,
    entryPoints: { daemon: 'src/daemon/main.ts' },
    define: { SYNTROPY_VERSION: JSON.stringify(version) },
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    format: 'esm',
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    packages: 'external',
  }),
  cp('src/core/storage/postgres/migrations', 'dist/migrations', { recursive: true }),
]);
