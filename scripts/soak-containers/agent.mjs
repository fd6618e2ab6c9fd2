// The agent of the soak: a process in the engine's network, on the machine's own cgroups.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { ended } from '../soak-agents/processes.mjs';

const PROGRAM = 'bin/syntropy-agent.mjs';

/** @param onBroken - told when it ends and nobody has ended it. */
export function containerAgent({ engine, stateDir, onBroken }) {
  const said = path.join(stateDir, 'said');
  const expected = new WeakSet();
  let child;
  let isClosed = false;
  const launch = (args, stdio) => {
    const [nsenter, ...words] = [...engine.within, process.execPath, PROGRAM, ...args];
    return spawn(nsenter, [...words, '--state-dir', stateDir], { stdio });
  };
  const end = async (signal) => {
    if (!child) return;
    expected.add(child);
    child.kill(signal);
    await ended(child);
  };
  return {
    async join(request) {
      const joining = launch(['join'], ['pipe', 'ignore', 'inherit']);
      joining.stdin.end(JSON.stringify(request));
      const [status] = await once(joining, 'exit');
      if (status !== 0) throw new Error('The agent cannot join.');
      return JSON.parse(await readFile(path.join(stateDir, 'agent/node.json'), 'utf8')).node;
    },
    start() {
      if (isClosed) return;
      const file = openSync(said, 'a', 0o600);
      const args = ['run', '--engine', `unix://${engine.socketPath}`];
      const started = launch(args, ['ignore', 'ignore', file]);
      closeSync(file);
      started.once('exit', (status, signal) => {
        if (!expected.has(started)) {
          onBroken(`the agent ended by itself (${signal ?? `status ${status}`})`);
        }
      });
      child = started;
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    said: () => readFile(path.join(stateDir, 'logs/agent.log'), 'utf8').catch(() => ''),
    async close() {
      isClosed = true;
      await end('SIGKILL');
    },
  };
}
