import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';

import { AgentFiles } from '../../src/agent/agent-files.js';
import { installAgent, ownRelease } from '../../src/agent/installation/install.js';
import { ReleaseHome } from '../../src/agent/release/home.js';

/** What the unit says of a status: start again at once, or not at all. */
const AGAIN = 75;

/**
 * The agent as `agent install` puts it in place, in a folder of the test's own, and this in the place of the system's service manager:
 * it runs the launcher, and starts it anew when it asks for that or fails.
 */
export async function installedAgent(directory: string, stateDir: string) {
  const home = new ReleaseHome(path.join(directory, 'home'));
  let command: readonly string[] = [];
  await installAgent(
    {
      home,
      files: new AgentFiles(stateDir),
      stateDir,
      mayRestart: false,
      mayUpdate: true,
      containers: { engine: 'auto', allowBind: [] },
      service: {
        describe: (_, spec) => {
          ({ command } = spec);
          return '';
        },
        install: () => Promise.resolve({ unitFile: '' }),
        start: () => Promise.resolve(true),
        isRunning: () => Promise.resolve(false),
        uninstall: () => Promise.resolve({ unitFile: '' }),
        disable: () => Promise.resolve(),
      },
    },
    await ownRelease(path.resolve('dist/agent/agent.mjs'), '0.1.0'),
  );
  const statuses: (number | null)[] = [];
  let running: ChildProcess | undefined;
  const stopping = new AbortController();
  const ended = (async () => {
    const [program = '', ...args] = command;
    while (!stopping.signal.aborted) {
      // A group of its own: a stop is told to all of a service.
      running = spawn(program, args, { stdio: 'ignore', detached: true });
      const status = await new Promise<number | null>((resolve) => {
        running?.once('error', () => resolve(null));
        running?.once('close', resolve);
      });
      statuses.push(status);
      if (status !== AGAIN) return;
    }
  })();
  return {
    home,
    /** What its starts have ended with. */
    statuses,
    async [Symbol.asyncDispose]() {
      stopping.abort();
      const { pid } = running ?? {};
      if (pid !== undefined && running?.exitCode === null) process.kill(-pid, 'SIGTERM');
      await ended;
    },
  };
}
