import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { SyntropyClient } from '../../src/client/client.js';
import { localSocket } from '../../src/client/node/local-socket.js';
import { resolveStatePaths } from '../../src/core/config/state-paths.js';
import { type CliResult, documentOf, runCli, startCli } from './cli.js';
import { waitFor } from './wait-for.js';

/** The daemon as people run it: a process of its own with its embedded database, driven by the real command. */
export async function daemonProcess(
  started: {
    readonly env?: Record<string, string>;
    readonly within?: readonly string[];
    readonly cliTimeoutMs?: number;
  } = {},
) {
  const { env = {}, within = [], cliTimeoutMs: timeoutMs } = started;
  const home = await mkdtemp(path.join(os.tmpdir(), 'syntropy-e2e-'));
  // As root, Postgres runs as another account, which must be able to pass through.
  await chmod(home, 0o755);
  const stateDir = path.join(home, 'state');
  const clusterRoot = path.join(home, 'clusters');
  const options = {
    stateDir,
    within,
    env: { SYNTROPY_CLUSTER_ROOT: clusterRoot, ...env },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
  const cli = (...argv: string[]): Promise<CliResult> => runCli(argv, options);
  const start = async (): Promise<number> => {
    const { daemon } = documentOf(await cli('daemon', 'start', '--json'));
    return Number(new Map(Object.entries(daemon ?? {})).get('pid'));
  };
  let pid = await start();
  return {
    home,
    stateDir,
    cli,
    /** The command, started and not waited for. */
    begin: (...argv: string[]) => startCli(argv, options),
    client: new SyntropyClient({ transport: localSocket(resolveStatePaths(stateDir).socketPath) }),
    get pid() {
      return pid;
    },
    /** Ends the daemon as a crash does, and waits until it is gone. */
    async crash() {
      process.kill(pid, 'SIGKILL');
      await waitFor('the daemon to be gone', () => !isAlive(pid));
    },
    async restart() {
      pid = await start();
    },
    async [Symbol.asyncDispose]() {
      if (!isAlive(pid)) await start();
      await cli('daemon', 'stop');
      await rm(home, { recursive: true, force: true });
    },
  };
}

export type DaemonProcess = Awaited<ReturnType<typeof daemonProcess>>;

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
