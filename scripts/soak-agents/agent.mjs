// An agent of the soak: a process on a machine of its own, with a disk that may be a small one.
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

import { ended, hasEnded, residentBytes, startOn } from './processes.mjs';

const PROGRAM = 'bin/syntropy-agent.mjs';
/** On its own disk: where that is full, what it says is lost, and nothing else. */
const SAID = 'said';
/** An agent that is asked to end has little to wait for, also when nobody answers it. */
const STOP_TIMEOUT_MS = 10_000;

/** @param onBroken - told of a promise that it breaks. */
export function soakAgent({ name, machine, disk, onBroken }) {
  const read = async (file) => {
    const text = await readFile(disk.file(`state/agent/${file}`), 'utf8').catch(() => '');
    return text;
  };
  const readJson = async (file) => JSON.parse((await read(file)) || '{}');
  return {
    name,
    machine,
    disk,
    /** Of its node, from when it has joined. */
    id: undefined,
    /** Whether its node is to be left as it is for now, and whether it is. */
    isHeld: false,
    isParked: false,
    /** Changes of its node that a fault has made. */
    ownChanges: 0,
    membership: () => readJson('node.json'),
    target: () => readJson('target.json'),
    status: () => readJson('status.json'),
    log: () => read('logs/agent.log'),
    fillDisk: () => disk.fill(SAID),
    join: (request, killAfterMs) => join(machine, disk, request, killAfterMs),
    process: agentProcess(machine, disk, (what) => onBroken(`${name}: its agent ${what}`)),
  };
}

/** One try, which is killed after a while if that is wanted. */
async function join(machine, disk, request, killAfterMs) {
  const joining = startOn(machine, [PROGRAM, 'join', '--state-dir', disk.file('state')], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // One that is killed reads no more.
  joining.stdin.on('error', () => undefined);
  joining.stdin.end(JSON.stringify(request));
  if (killAfterMs !== undefined) {
    await Promise.race([pause(killAfterMs), ended(joining)]);
    joining.kill('SIGKILL');
  }
  await ended(joining);
}

function agentProcess(machine, disk, onBroken) {
  let child;
  let isClosed = false;
  const expected = new WeakSet();
  const end = async (signal) => {
    if (!child) return;
    expected.add(child);
    child.kill(signal);
    await ended(child);
  };
  return {
    get pid() {
      return child?.pid;
    },
    get residentBytes() {
      return child ? residentBytes(child) : 0;
    },
    start() {
      if (isClosed) return;
      const said = openSync(disk.file(SAID), 'a', 0o600);
      const started = startOn(machine, [PROGRAM, 'run', '--state-dir', disk.file('state')], {
        stdio: ['ignore', 'ignore', said],
      });
      closeSync(said);
      started.once('exit', (status, signal) => {
        if (!expected.has(started)) onBroken(`ended by itself (${signal ?? `status ${status}`})`);
      });
      child = started;
    },
    async stop() {
      const timer = setTimeout(() => {
        onBroken(`did not end within ${STOP_TIMEOUT_MS / 1_000} s`);
        child.kill('SIGKILL');
      }, STOP_TIMEOUT_MS);
      await end('SIGTERM');
      clearTimeout(timer);
    },
    kill: () => end('SIGKILL'),
    async close() {
      isClosed = true;
      if (child && !hasEnded(child)) await end('SIGKILL');
    },
  };
}
