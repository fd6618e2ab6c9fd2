// The daemon of the soak: a process on a machine of its own, with its embedded Postgres.
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { ended, peakBytes, startOn } from './processes.mjs';
import { becomes } from './waiting.mjs';

const PORT = 8080;
const START_TIMEOUT_MS = 120_000;
const POSTGRES_END_MS = 20_000;
const CALL_TIMEOUT_MS = 5_000;
/** No fault here lasts longer; whoever is not served by then never will be. */
const GIVE_UP_MS = 60_000;
const RETRY_MS = 50;
/** What a caller lives with while a daemon or its database is restarted. */
export const PASSING = [
  'DAEMON_UNREACHABLE',
  'TIMED_OUT',
  'DATABASE_UNAVAILABLE',
  'IDEMPOTENCY_IN_PROGRESS',
];

/** @param clientOf - makes a client of a state directory. */
export function soakDaemon({ home, machine, clientOf }) {
  const stateDir = path.join(home, 'daemon');
  const client = clientOf(stateDir);
  const clusters = path.join(home, 'clusters');
  let child;
  let peak = 0;
  let isClosed = false;
  const measure = () => {
    if (child) peak = Math.max(peak, peakBytes(child));
    return peak;
  };
  const end = async (signal) => {
    if (!child) return;
    measure();
    child.kill(signal);
    await ended(child);
  };
  return {
    client,
    url: `https://${machine.address}:${PORT}`,
    /** The most memory that any process of it has had. */
    measure,
    async start() {
      if (isClosed) return;
      const listen = ['--listen', `${machine.address}:${PORT}`, '--log-level', 'warn'];
      child = startOn(machine, ['bin/syntropy-daemon.mjs', '--state-dir', stateDir, ...listen], {
        // All calls of the soak come from one address.
        env: {
          ...process.env,
          SYNTROPY_CLUSTER_ROOT: clusters,
          SYNTROPY_LIMIT_PER_SUBJECT: '1000000',
          SYNTROPY_LIMIT_PER_ADDRESS: '1000000',
        },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      const signal = AbortSignal.timeout(START_TIMEOUT_MS);
      const [told] = await Promise.race([
        once(child, 'message', { signal }),
        once(child, 'exit', { signal }).then(() => [{}]),
      ]);
      if (!told.daemon) throw new Error(told.error?.message ?? 'The daemon did not start.');
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    async killPostgres() {
      process.kill(await postmasterOf(clusters), 'SIGKILL');
    },
    /** Asks until it has answered. */
    async insist(operation, input, idempotencyKey) {
      const until = Date.now() + GIVE_UP_MS;
      for (;;) {
        try {
          const options = idempotencyKey === undefined ? {} : { idempotencyKey };
          return await client.call(operation, input, { ...options, timeoutMs: CALL_TIMEOUT_MS });
        } catch (error) {
          if (!PASSING.includes(error.code) || Date.now() > until) throw error;
          await pause(RETRY_MS);
        }
      }
    },
    /** Ends it and its database, whichever of them runs. */
    async close() {
      isClosed = true;
      await end('SIGTERM');
      const pid = await postmasterOf(clusters);
      if (pid === undefined || !isAlive(pid)) return;
      // Left by a daemon that was killed. It ends its own processes.
      process.kill(pid, 'SIGQUIT');
      await becomes(() => !isAlive(pid), POSTGRES_END_MS);
    },
  };
}

/** Undefined where none runs. */
async function postmasterOf(clusters) {
  const files = await readdir(clusters, { recursive: true }).catch(() => []);
  const file = files.find((name) => path.basename(name) === 'postmaster.pid');
  if (file === undefined) return undefined;
  const [pid] = (await readFile(path.join(clusters, file), 'utf8')).split('\n');
  return Number(pid);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
