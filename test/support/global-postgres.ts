import type { TestProject } from 'vitest/node';

import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { openDatabase } from '../../src/core/storage/postgres/database.js';
import { migrate } from '../../src/core/storage/postgres/migrate.js';
import { startDebianPostgres } from './debian-postgres.js';

/** Servers that all test files of a run share; each test makes databases of its own in them. */
export interface SharedServers {
  /** Root’s clusters of this run lie here, so that they share one copy of the binaries. */
  readonly clusterRoot: string;
  /** URL of a server without the database: `…?host=…&user=…`, by name. */
  readonly servers: Readonly<Record<string, string>>;
}

declare module 'vitest' {
  interface ProvidedContext {
    postgres: SharedServers;
  }
}

export const TEMPLATE = 'syntropy_template';
export const migrationsDirectory = path.resolve('src/core/storage/postgres/migrations');

type Closer = () => Promise<void>;

/** Starts the shared servers for a run of vitest, and stops and removes them at its end. */
export default async function setup(project: TestProject): Promise<Closer> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'syntropy-test-'));
  const closers: Closer[] = [() => rm(directory, { recursive: true, force: true })];
  const closeAll = async () => {
    for (const close of closers.toReversed()) await close();
  };
  const leftovers: Leftover[] = [];
  // A run that is terminated ends at once, without its teardown; the servers would outlive it.
  const removeLeftovers = () => removeNow([...leftovers, { folder: directory }]);
  process.once('exit', removeLeftovers);
  closers.push(async () => void process.off('exit', removeLeftovers));
  try {
    const clusterRoot = await mkdtemp(path.join(os.tmpdir(), 'syntropy-clusters-'));
    closers.push(() => rm(clusterRoot, { recursive: true, force: true }));
    process.env['SYNTROPY_CLUSTER_ROOT'] = clusterRoot;
    const embedded = await startEmbedded(directory, closers);
    leftovers.push({ folder: clusterRoot, dataDir: embedded.dataDir });
    const debian = await startDebianPostgres();
    if (debian) {
      closers.push(() => debian.stop());
      leftovers.push({ folder: debian.host, dataDir: path.join(debian.host, 'data') });
    }
    const servers = {
      embedded: serverUrl(embedded.host, embedded.user),
      ...(debian ? { 'PostgreSQL 15': serverUrl(debian.host, debian.user) } : {}),
    };
    for (const url of Object.values(servers)) await makeTemplate(url);
    project.provide('postgres', { clusterRoot, servers });
    return closeAll;
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function startEmbedded(directory: string, closers: Closer[]) {
  const database = await openDatabase({
    stateDir: directory,
    logDir: directory,
    onTrouble: () => undefined,
  });
  closers.push(() => database.close());
  const { host, user } = database.connection;
  if (host === undefined || user === undefined) throw new TypeError('No socket to connect to.');
  return { host, user, dataDir: database.location };
}

interface Leftover {
  readonly folder: string;
  readonly dataDir?: string;
}

/** Immediate shutdown, then the files: all that can be done while the process exits. */
function removeNow(leftovers: readonly Leftover[]): void {
  for (const { dataDir } of leftovers) {
    if (dataDir === undefined) continue;
    try {
      const [pid] = readFileSync(path.join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
      process.kill(Number(pid), 'SIGQUIT');
    } catch {
      // It has ended already.
    }
  }
  for (const { folder } of leftovers) {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

function serverUrl(host: string, user: string): string {
  return `?host=${encodeURIComponent(host)}&user=${user}`;
}

export function databaseUrl(server: string, name: string): string {
  return `postgres:///${name}${server}`;
}

/** A migrated database to copy: a copy takes a tenth of the time of the migrations that later steps will have. */
async function makeTemplate(server: string): Promise<void> {
  await using admin = await openForTest(databaseUrl(server, 'postgres'));
  // A vacuum in the template would make the copies fail: nobody may be in a database that is copied.
  await admin.pool.query('alter system set autovacuum = off');
  await admin.pool.query('select pg_reload_conf()');
  await admin.pool.query(`create database ${TEMPLATE}`);
  await using template = await openForTest(databaseUrl(server, TEMPLATE));
  await migrate(template.pool, migrationsDirectory);
}

/** Opens a database by URL; closed at the end of the scope. */
export async function openForTest(url: string) {
  const database = await openDatabase({
    databaseUrl: url,
    stateDir: os.tmpdir(),
    logDir: os.tmpdir(),
    onTrouble: () => undefined,
  });
  return Object.assign(database, { [Symbol.asyncDispose]: () => database.close() });
}
