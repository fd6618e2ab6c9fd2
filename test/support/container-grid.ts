import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import { freePort } from '../../scripts/free-port.mjs';
import { documentOf } from './cli.js';
import { daemonProcess } from './daemon-process.js';
import type { TestEngine } from './engines.js';

import { waitFor } from './wait-for.js';

const AGENT = path.resolve('bin/syntropy-agent.mjs');

/** What of an engine a node of the grid needs. */
interface EngineAt {
  readonly socketPath: string;
}

/** A daemon as people run it, and nodes with an engine each, whose agents are processes of their own and lend what the test says. */
export async function containerGrid(
  engines: readonly EngineAt[],
  {
    offer = 'cpu=2,memory=2GiB,disk=1GiB',
    agentFlags = [],
    env = {},
  }: {
    readonly offer?: string;
    readonly agentFlags?: readonly string[];
    readonly env?: Record<string, string>;
  } = {},
) {
  const daemon = await daemonProcess({
    // The same after another start: agents go on looking there.
    env: { SYNTROPY_API_LISTEN: `127.0.0.1:${await freePort()}`, ...env },
    cliTimeoutMs: 120_000,
  });
  const nodes: Awaited<ReturnType<typeof gridNode>>[] = [];
  /** One more machine, with its agent, of which nothing is waited for. */
  const add = async (...flags: readonly string[]) => {
    const node = await gridNode(daemon, `node-0${nodes.length + 1}`, flags);
    nodes.push(node);
    node.start();
    return node;
  };
  const close = async () => {
    for (const node of nodes) await node.stop();
    await daemon[Symbol.asyncDispose]();
  };
  try {
    for (const { socketPath } of engines) {
      const { name } = await add('--engine', `unix://${socketPath}`, ...agentFlags);
      await daemon.cli('node', 'update', name, '--offer', offer);
      await waitFor(`the engine of ${name}`, async () => {
        const { agent } = await daemon.client.call('nodes.get', { node: name });
        return agent?.engine !== undefined;
      });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    daemon,
    cli: daemon.cli,
    client: daemon.client,
    nodes,
    add,
    /** A container as the daemon knows it. */
    container: (name: string) => daemon.client.call('containers.get', { container: name }),
    [Symbol.asyncDispose]: close,
  };
}

export type ContainerGrid = Awaited<ReturnType<typeof containerGrid>>;

/** A machine that has joined, and its agent. */
async function gridNode(
  { cli, home, client }: Pick<Awaited<ReturnType<typeof daemonProcess>>, 'cli' | 'home' | 'client'>,
  name: string,
  flags: readonly string[],
) {
  const stateDir = path.join(home, 'machines', name);
  await mkdir(stateDir, { recursive: true });
  const { token } = documentOf(await cli('node', 'token', 'create', '--json'));
  const joined = await cli(
    'agent',
    'join',
    String(token),
    '--name',
    name,
    '--state-dir',
    stateDir,
    '--json',
  );
  if (joined.status !== 0) throw new Error(joined.stdout);
  let agent: ChildProcess | undefined;
  let said = '';
  const end = async (signal: NodeJS.Signals) => {
    if (!agent || agent.exitCode !== null || agent.signalCode !== null) return;
    agent.kill(signal);
    await once(agent, 'exit');
  };
  return {
    name,
    stateDir,
    /** What the agent wrote to its stderr. */
    get said() {
      return said;
    },
    get pid() {
      return agent?.pid;
    },
    start: () => {
      agent = spawn(process.execPath, [AGENT, 'run', '--state-dir', stateDir, ...flags], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      agent.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
    },
    stop: () => end('SIGTERM'),
    /** As a crash ends it. */
    kill: () => end('SIGKILL'),
    isOnline: () =>
      waitFor(`${name} to be online`, async () => {
        const { status } = await client.call('nodes.get', { node: name });
        return status === 'online' || status === 'degraded';
      }),
  };
}

/** Flags that run a line of shell of an image of busybox, which is there already, and end it soon: busybox heeds no SIGTERM. */
export function shell(script: string): readonly string[] {
  return [
    '--pull',
    'never',
    '--stop-timeout',
    '1s',
    '--command',
    '/bin/sh',
    '--arg',
    '-c',
    '--arg',
    script,
  ];
}

/** Names of all containers of an engine, whoever made them. */
export async function containersOf({ api }: Pick<TestEngine, 'api'>): Promise<readonly string[]> {
  const { text } = await api('GET', '/containers/json?all=1');
  return [...text.matchAll(/"Names":\[([^\]]*)\]/g)].map(([, names = '']) => names);
}
