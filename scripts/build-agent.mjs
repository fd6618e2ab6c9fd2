// Makes a release of the agent: all of it in one file, which needs nothing but Node, and what starts it on a machine.
import { build } from 'esbuild';
import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';

/** CommonJS packages in an ES module look for it. */
const REQUIRE =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/** Fills the folder `out`, which becomes `agents.releases/<version>` where it is not the daemon's own. */
export async function buildAgent(out, version) {
  await mkdir(out, { recursive: true });
  await build({
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    logLevel: 'warning',
    legalComments: 'none',
    entryPoints: ['src/agent/main.ts'],
    outfile: path.join(out, 'agent.mjs'),
    define: { SYNTROPY_VERSION: JSON.stringify(version) },
    banner: { js: REQUIRE },
    // Faster in places, and compiled for one platform.
    external: ['bufferutil', 'utf-8-validate', 'osx-temperature-sensor'],
  });
  for (const name of ['launch.sh', 'syntropy-agent.service']) {
    await copyFile(path.join('deploy', 'agent', name), path.join(out, name));
  }
}
