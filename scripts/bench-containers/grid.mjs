import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

import { loadSource } from '../load-source.mjs';

const run = promisify(execFile);
const CLI = path.resolve('bin/syntropy.cjs');
const LOOK_MS = 10;
const TIMEOUT_MS = 120_000;
/** The name of the only node. */
export const NODE = 'bench-01';

/** A daemon as people run it, and one node whose agent is a process of its own on that engine. */
export async function openGrid(engine, cgroups) {
  const made = new AsyncDisposableStack();
  try {
    return await opened(engine, made, cgroups);
  } catch (error) {
    await made.disposeAsync();
    throw error;
  }
}

async function opened({ socketPath }, made, cgroups) {
  const { SyntropyClient } = await loadSource('src/client/client.ts');
  const { localSocket } = await loadSource('src/client/node/local-socket.ts');
  const { agentProgram } = await loadSource('src/cli/agent-process.ts');
  const { resolveStatePaths } = await loadSource('src/core/config/state-paths.ts');
  const home = await mkdtemp(path.join(os.tmpdir(), 'syntropy-bench-'));
  made.defer(() => rm(home, { recursive: true, force: true }));
  // As root, Postgres runs as another account, which must be able to pass through.
  await chmod(home, 0o755);
  const stateDir = path.join(home, 'state');
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    LANG: 'C.UTF-8',
    SYNTROPY_STATE_DIR: stateDir,
    SYNTROPY_CLUSTER_ROOT: path.join(home, 'clusters'),
    SYNTROPY_API_LISTEN: '127.0.0.1:0',
  };
  const cli = async (...argv) => {
    const { stdout } = await run(process.execPath, words(...argv), { env, timeout: TIMEOUT_MS });
    return stdout;
  };
  made.defer(() => cli('daemon', 'stop').catch(() => undefined));
  await cli('daemon', 'start', '--json');
  const client = new SyntropyClient({
    transport: localSocket(resolveStatePaths(stateDir).socketPath),
  });
  const { token } = JSON.parse(await cli('node', 'token', 'create', '--json'));
  const agentDir = path.join(home, 'agent');
  await mkdir(agentDir);
  await cli('agent', 'join', token, '--name', NODE, '--state-dir', agentDir, '--json');
  const { node } = await nodeOf(client);
  cgroups.push(`syntropy-${node.slice(0, 8)}`);
  const flags = ['--state-dir', agentDir, '--engine', `unix://${socketPath}`];
  const agent = spawn(process.execPath, [...agentProgram(path.resolve('.')), 'run', ...flags], {
    stdio: 'ignore',
    env,
  });
  made.defer(async () => {
    if (agent.exitCode !== null || agent.signalCode !== null) return;
    agent.kill();
    await once(agent, 'exit');
  });
  await cli('node', 'update', NODE, '--offer', 'cpu=32,memory=16GiB,disk=1GiB');
  await until('the engine of the node', async () => (await nodeOf(client)).hasEngine);
  return {
    cli,
    cliProgram: (...argv) => [process.execPath, words(...argv), env],
    client,
    agentPid: agent.pid,
    /** All work of the node. */
    cgroup: `syntropy-${node.slice(0, 8)}`,
    removed: (names) => removed(client, names),
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}

async function nodeOf(client) {
  const { id, agent } = await client.call('nodes.get', { node: NODE });
  return { node: id, hasEngine: agent?.engine !== undefined };
}

/** Removes them, and waits until nothing of them is left. */
async function removed(client, names) {
  const ids = await Promise.all(
    names.map(async (container) => {
      const { id } = await client.call('containers.remove', { container });
      return id;
    }),
  );
  for (const container of ids) {
    await until(`${container} to be removed`, async () => {
      const { status } = await client.call('containers.get', { container });
      return status === 'removed';
    });
  }
}

export async function until(what, isSo) {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`Waited in vain for ${what}.`);
    await pause(LOOK_MS);
  }
}

function words(...argv) {
  return ['--', CLI, ...argv];
}
