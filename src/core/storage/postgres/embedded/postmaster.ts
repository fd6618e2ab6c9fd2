import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { open, readdir, readFile, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import type { Placement } from './placement.js';

import { AppError } from '../../../types/errors/app-error.js';
import { errorCode } from '../../../types/errors/error-code.js';
import { isAlive } from '../../../utils/is-alive.js';

const POLL_MS = 50;
const FAST_STOP_MS = 15_000;
const LOG_LIMIT_BYTES = 10 << 20;

/** Small and safe: durable commits, a socket and no port, memory for one workstation. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '',
  fsync: 'on',
  synchronous_commit: 'on',
  shared_buffers: '32MB',
  max_connections: '40',
  max_wal_size: '256MB',
  min_wal_size: '32MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
  unix_socket_permissions: '0700',
  cluster_name: 'syntropy',
};

/** Pid of the postmaster that runs on this data directory, if one does. A pid that was given to another program does not count. */
export async function runningPid(dataDir: string): Promise<number | undefined> {
  const text = await readFile(path.join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number(text.split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 1 || !isWorking(pid)) return undefined;
  if (process.platform !== 'linux') return pid;
  // A postmaster's working directory is its data directory.
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  return cwd === (await realpath(dataDir)) ? pid : undefined;
}

/**
 * Removes the pid file of a postmaster that is gone when its number belongs to another program by now, as after a power loss:
 * Postgres, which can only ask whether that number lives, would refuse to start. A process that still works in the data
 * directory, such as a child of a killed postmaster, keeps the file, for by it Postgres finds out about those.
 */
export async function removeStalePidFile(dataDir: string): Promise<void> {
  if (process.platform !== 'linux') return;
  const real = await realpath(dataDir);
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const cwd = await readlink(`/proc/${entry}/cwd`).catch(() => undefined);
    if (cwd === real) return;
  }
  await rm(path.join(dataDir, 'postmaster.pid'), { force: true });
}

/** A process that has ended and was not reaped counts as dead: many containers have nobody who reaps orphans. */
export function isWorking(pid: number): boolean {
  return isAlive(pid) && !isZombie(pid);
}

function isZombie(pid: number): boolean {
  if (process.platform !== 'linux') return false;
  try {
    // The state follows the name, which is in brackets and may hold anything.
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return true;
  }
}

/**
 * Starts a postmaster that outlives this process: a crashed daemon's successor finds it again. Answers once it was spawned;
 * whether it serves is seen by connecting.
 */
export async function spawnPostmaster(
  placement: Placement,
  binaries: string,
  logFile: string,
): Promise<number> {
  await rotate(logFile);
  const log = await open(logFile, 'a', 0o600);
  const settings = { ...SETTINGS, unix_socket_directories: placement.socketDir };
  const { account } = placement;
  const child = spawn(
    path.join(binaries, 'bin', 'postgres'),
    ['-D', placement.dataDir, ...Object.entries(settings).flatMap(([k, v]) => ['-c', `${k}=${v}`])],
    {
      cwd: placement.dataDir,
      // Out of our process group: a Ctrl-C for the daemon must not reach it before the daemon has closed.
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      ...(account ? { uid: account.uid, gid: account.gid } : {}),
    },
  );
  const spawned = new Promise<number>((resolve, reject) => {
    child.once('spawn', () => resolve(child.pid ?? 0));
    child.once('error', reject);
  }).catch((error: unknown) => {
    const reason = errorCode(error) ?? 'unknown';
    throw new AppError('DATABASE_UNAVAILABLE', `The embedded Postgres cannot be run: ${reason}.`, {
      reason,
    });
  });
  try {
    return await spawned;
  } finally {
    await log.close();
    child.unref();
  }
}

/** Stops the postmaster of this data directory, if one runs. Fast shutdown; immediate when that takes too long (https://www.postgresql.org/docs/current/server-shutdown.html). */
export async function stopPostmaster(dataDir: string): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    // Looked up each time: the number of one that has ended may be another program's by now.
    const pid = await runningPid(dataDir);
    if (pid === undefined) return;
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    const deadline = Date.now() + FAST_STOP_MS;
    while (isWorking(pid) && Date.now() < deadline) await pause(POLL_MS);
  }
}

async function rotate(logFile: string): Promise<void> {
  const stats = await stat(logFile).catch(() => undefined);
  if (stats && stats.size > LOG_LIMIT_BYTES) await rename(logFile, `${logFile}.1`);
}
