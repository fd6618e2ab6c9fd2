import { build } from 'esbuild';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

import type { TunnelConfig } from '../../src/core/services/network/tunnel.ports.js';
import type { LabNode } from './mesh-lab.js';

import { scratchFolder } from './scratch.js';

const START_TIMEOUT_MS = 30_000;

/** A process of its own that has applied the configuration; `kill` ends it as a crash does. */
export async function tunnelAgent(node: LabNode, config: TunnelConfig) {
  const folder = await scratchFolder();
  const outfile = folder.file('agent.mjs');
  await build({
    entryPoints: [path.resolve('test/fixtures/tunnel-agent.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    banner: { js: `import{createRequire as r}from'node:module';const require=r(import.meta.url);` },
    logLevel: 'error',
  });
  const child = spawn(process.execPath, [outfile], { stdio: ['pipe', 'pipe', 'inherit'] });
  const kill = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await folder[Symbol.asyncDispose]();
  };
  try {
    const { device: name, owner, within } = node;
    child.stdin.end(JSON.stringify({ options: { name, owner, within }, config }));
    await once(child.stdout, 'data', { signal: AbortSignal.timeout(START_TIMEOUT_MS) });
  } catch (error) {
    await kill();
    throw error;
  }
  return { kill, [Symbol.asyncDispose]: kill };
}
