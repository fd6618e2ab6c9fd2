import pg from 'pg';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { AppError } from '../../../types/errors/app-error.js';
import { installBinaries } from './binaries.js';
import { ensureCluster, ROLE } from './cluster.js';
import { type Placement, placeCluster } from './placement.js';
import { isAlive, runningPid, spawnPostmaster, stopPostmaster } from './postmaster.js';

const DATABASE = 'syntropy';
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 50;
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
  #pid: number;
  #stopping = false;
  #deaths: number[] = [];

  private constructor(
    options: EmbeddedOptions,
    placement: Placement,
    binaries: string,
    pid: number,
  ) {
    this.#options = options;
    this.#placement = placement;
    this.#binaries = binaries;
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
   * @throws {AppError} DATABASE_UNAVAILABLE when it does not serve in time, CAPABILITY_MISSING, DATABASE_UNSUPPORTED.
   */
  static async start(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
    const placement = await placeCluster(options.stateDir);
    const binaries = await installBinaries(placement.binariesDir);
    await ensureCluster(placement, binaries);
    const pid = await bringUp(placement, binaries, options);
    const embedded = new EmbeddedPostgres(options, placement, binaries, pid);
    await embedded.#ensureDatabase();
    embedded.#watch();
    return embedded;
  }

  /** Stops the cluster and waits, a bounded time, until it has. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await stopPostmaster(this.#pid);
  }

  async #ensureDatabase(): Promise<void> {
    const client = new pg.Client({ ...this.connection, database: 'postgres' });
    await client.connect();
    try {
      const found = await client.query('select from pg_database where datname = $1', [DATABASE]);
      if (found.rowCount === 0) await client.query(`create database ${DATABASE}`);
    } finally {
      await client.end();
    }
  }

  /** Notices the death of a postmaster, our child or not, and starts another. */
  #watch(): void {
    const timer = setInterval(() => {
      if (this.#stopping || isAlive(this.#pid)) return;
      clearInterval(timer);
      this.#restart().catch((error: unknown) => {
        this.#options.onEvent('given-up', { error: String(error) });
      });
    }, WATCH_MS);
    timer.unref();
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
    this.#pid = await bringUp(this.#placement, this.#binaries, this.#options);
    if (this.#stopping) return stopPostmaster(this.#pid);
    this.#options.onEvent('restarted', { pid: this.#pid });
    return this.#watch();
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
): Promise<number> {
  const logFile = path.join(options.logDir, 'postgres.log');
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (Date.now() < deadline) {
    const attached = await runningPid(placement.dataDir);
    const pid = attached ?? (await spawnPostmaster(placement, binaries, logFile)).pid;
    if (await serves(placement, pid, deadline)) return (await runningPid(placement.dataDir)) ?? pid;
    await pause(READY_POLL_MS);
  }
  throw new AppError(
    'DATABASE_UNAVAILABLE',
    `The embedded Postgres does not start; see ${logFile}.`,
    {
      logFile,
    },
  );
}

/** Waits until the server answers; false when its process ends first. Crash recovery may take its time. */
async function serves(placement: Placement, pid: number, deadline: number): Promise<boolean> {
  while (Date.now() < deadline && isAlive(pid)) {
    const client = new pg.Client({
      host: placement.socketDir,
      user: ROLE,
      database: 'postgres',
      connectionTimeoutMillis: 5_000,
    });
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
