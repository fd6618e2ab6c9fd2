import { rmdir } from 'node:fs/promises';
import pg from 'pg';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { AppError } from '../../../types/errors/app-error.js';
import { acquireFileLock, type FileLock } from '../../files/file-lock.js';
import { installBinaries } from './binaries.js';
import { ensureCluster, ROLE } from './cluster.js';
import { type Placement, placeCluster } from './placement.js';
import {
  isWorking,
  removeStalePidFile,
  runningPid,
  spawnPostmaster,
  stopPostmaster,
} from './postmaster.js';

const DATABASE = 'syntropy';
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 50;
const ADMIN_TIMEOUT_MS = 10_000;
const WATCH_MS = 500;
/** More deaths than this in the window, and the cause is not passing: restarting would hide it. */
const MAX_RESTARTS = 5;
const RESTART_WINDOW_MS = 60_000;

export interface EmbeddedOptions {
  readonly stateDir: string;
  readonly logDir: string;
  readonly onEvent: (event: 'restarted' | 'given-up', details: Record<string, unknown>) => void;
}

/** The daemon's own Postgres: real binaries, a private socket, kept running while the daemon lives. */
export class EmbeddedPostgres {
  readonly connection: { readonly host: string; readonly user: string; readonly database: string };
  readonly #placement: Placement;
  readonly #binaries: string;
  readonly #options: EmbeddedOptions;
  readonly #lock: FileLock;
  #pid: number;
  #stopping = false;
  #watching: NodeJS.Timeout | undefined;
  #restarting: Promise<void> | undefined;
  #deaths: number[] = [];

  private constructor(
    options: EmbeddedOptions,
    placement: Placement,
    binaries: string,
    lock: FileLock,
    pid: number,
  ) {
    this.#options = options;
    this.#placement = placement;
    this.#binaries = binaries;
    this.#lock = lock;
    this.#pid = pid;
    this.connection = { host: placement.socketDir, user: ROLE, database: DATABASE };
  }

  get pid(): number {
    return this.#pid;
  }

  get location(): string {
    return this.#placement.dataDir;
  }

  /**
   * Starts the cluster, or takes over the one that a crashed daemon left running. Call it under the state lock.
   * @throws {AppError} DATABASE_UNAVAILABLE when it does not serve in time, CAPABILITY_MISSING, DATABASE_UNSUPPORTED,
   * DAEMON_ALREADY_RUNNING when the state directory is a copy of one whose daemon runs.
   */
  static async start(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
    const placement = await placeCluster(options.stateDir);
    const lock = lockCluster(placement);
    try {
      const binaries = await installBinaries(placement.binariesDir);
      await ensureCluster(placement, binaries);
      const pid = await bringUp(placement, binaries, options, () => false);
      const embedded = new EmbeddedPostgres(options, placement, binaries, lock, pid);
      await embedded.#ensureDatabase();
      embedded.#watch();
      return embedded;
    } catch (error) {
      await stopPostmaster(placement.dataDir);
      lock.release();
      throw error;
    }
  }

  /** Stops the cluster and waits, a bounded time, until it has. Also one that is just being started again. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#watching);
    await this.#restarting;
    await stopPostmaster(this.#placement.dataDir);
    // Empty now; one that lies in the temporary directory would stay there.
    await rmdir(this.#placement.socketDir).catch(() => undefined);
    this.#lock.release();
  }

  async #ensureDatabase(): Promise<void> {
    const client = adminClient(this.#placement);
    try {
      await client.connect();
      const found = await client.query('select from pg_database where datname = $1', [DATABASE]);
      if (found.rowCount === 0) await client.query(`create database ${DATABASE}`);
    } finally {
      await client.end();
    }
  }

  /** Notices the death of a postmaster, our child or not, and starts another. */
  #watch(): void {
    this.#watching = setInterval(() => {
      if (isWorking(this.#pid)) return;
      clearInterval(this.#watching);
      this.#restarting = this.#restart().catch((error: unknown) => {
        if (!this.#stopping) this.#options.onEvent('given-up', { error: String(error) });
      });
    }, WATCH_MS);
    this.#watching.unref();
  }

  async #restart(): Promise<void> {
    const now = Date.now();
    this.#deaths = [...this.#deaths.filter((at) => now - at < RESTART_WINDOW_MS), now];
    if (this.#deaths.length > MAX_RESTARTS) {
      throw new AppError(
        'DATABASE_UNAVAILABLE',
        `Postgres died ${MAX_RESTARTS} times in a minute.`,
      );
    }
    this.#pid = await bringUp(this.#placement, this.#binaries, this.#options, () => this.#stopping);
    if (this.#stopping) return;
    this.#options.onEvent('restarted', { pid: this.#pid });
    this.#watch();
  }
}

/**
 * Attaches to a running postmaster or spawns one, again and again until one serves: after a kill the old one's children
 * hold its shared memory for a moment, and Postgres refuses to start meanwhile.
 */
async function bringUp(
  placement: Placement,
  binaries: string,
  options: EmbeddedOptions,
  isStopping: () => boolean,
): Promise<number> {
  const logFile = path.join(options.logDir, 'postgres.log');
  const deadline = Date.now() + READY_TIMEOUT_MS;
  const goesOn = () => Date.now() < deadline && !isStopping();
  while (goesOn()) {
    const attached = await runningPid(placement.dataDir);
    if (attached === undefined) await removeStalePidFile(placement.dataDir);
    const pid = attached ?? (await spawnPostmaster(placement, binaries, logFile));
    if (await serves(placement, pid, goesOn)) return (await runningPid(placement.dataDir)) ?? pid;
    await pause(READY_POLL_MS);
  }
  throw new AppError(
    'DATABASE_UNAVAILABLE',
    `The embedded Postgres does not start; see ${logFile}.`,
    { logFile },
  );
}

/** Waits until the server answers; false when its process ends first. Crash recovery may take its time. */
async function serves(placement: Placement, pid: number, goesOn: () => boolean): Promise<boolean> {
  while (goesOn() && isWorking(pid)) {
    const client = adminClient(placement);
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      await client.end().catch(() => undefined);
      await pause(READY_POLL_MS);
    }
  }
  return false;
}

/** A copied state directory has a lock of its own, but names the same cluster. */
function lockCluster(placement: Placement): FileLock {
  const lock = acquireFileLock(`${placement.clusterDir}.lock`);
  if (lock) return lock;
  throw new AppError(
    'DAEMON_ALREADY_RUNNING',
    `Another daemon uses the cluster ${placement.clusterDir}. Is this state directory a copy?`,
    { cluster: placement.clusterDir },
  );
}

function adminClient(placement: Placement): pg.Client {
  return new pg.Client({
    host: placement.socketDir,
    user: ROLE,
    database: 'postgres',
    connectionTimeoutMillis: ADMIN_TIMEOUT_MS,
    query_timeout: ADMIN_TIMEOUT_MS,
  });
}
