// Makes dist/: the writer and the daemon as ES modules, the command line as described in scripts/build-cli.mjs.
import { build } from 'esbuild';
import { cp, mkdir, readFile, rename, rm } from 'node:fs/promises';

import { buildAgent } from './build-agent.mjs';
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

// Made beside it and then put in its place: a build that fails leaves the last good one.
const out = `dist.${process.pid}`;
const old = `${out}.old`;
try {
  await makeAll();
  await rename('dist', old).catch(() => undefined);
  await rename(out, 'dist');
} finally {
  await rm(out, { recursive: true, force: true });
  await rm(old, { recursive: true, force: true });
}

/** What goes on sticks. The rest of that folder is part of the agent's release. */
function isEnrolment(file) {
  return !/\.\w+$/.test(file) || file.includes('enrol');
}

async function makeAll() {
  await mkdir(out);
  await Promise.all([
    buildCli(out),
    build({
      ...common,
      entryPoints: { writer: 'src/core/platform/common/stick/writer-main.ts' },
      outdir: out,
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
      outdir: out,
      outExtension: { '.js': '.mjs' },
      format: 'esm',
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
      packages: 'external',
    }),
    buildAgent(`${out}/agent`, version),
    cp('deploy/agent', `${out}/enrolment`, { recursive: true, filter: isEnrolment }),
    cp('src/core/storage/postgres/migrations', `${out}/migrations`, { recursive: true }),
  ]);
}
