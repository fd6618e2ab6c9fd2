import type { Logger } from 'pino';

import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Daemon } from './compose.js';
import type { DaemonOptions } from './options.js';

import { type Config, loadConfig } from '../core/config/load.js';
import { resolveStatePaths, type StatePaths } from '../core/config/state-paths.js';
import { failureMessage, tellParent } from '../core/platform/common/parent.js';
import { writeFileAtomic } from '../core/storage/files/atomic-file.js';
import { loadMasterKey } from '../core/storage/files/master-key.js';
import { ensurePrivateDirectory } from '../core/storage/files/private-directory.js';
import { acquireStateLock } from '../core/storage/files/state-lock.js';
import { openDatabase } from '../core/storage/postgres/database.js';
import { migrate } from '../core/storage/postgres/migrate.js';
import { errorCodes } from '../core/types/errors/codes.js';
import { isUuid } from '../core/utils/node-name.js';
import { compose } from './compose.js';
import { createLogger } from './observability/logger.js';
import { openTracing } from './observability/open-tracing.js';
import { describeDaemon } from './operations/daemon.js';
import { parseDaemonOptions } from './options.js';
import { restoreDaemon } from './restore.js';
import { listenOnSocket } from './socket.js';
import { version } from '../core/utils/version.js';

/** The folder that the build makes: the writer and the migrations lie beside this program. */
const dist = path.dirname(fileURLToPath(import.meta.url));

/** What was opened, to be closed in the opposite order however the start or the stop goes. */
type Closers = { readonly what: string; readonly close: () => Promise<void> }[];

async function main(): Promise<void> {
  const closers: Closers = [];
  try {
    const options = parseDaemonOptions(process.argv.slice(2));
    const paths = resolveStatePaths(options.stateDir);
    await ensurePrivateDirectory(paths.stateDir);
    await ensurePrivateDirectory(paths.logDir);
    if (options.file === undefined) await serve(options, paths, closers);
    else await restore({ ...options, file: options.file }, paths);
  } catch (error) {
    await closeAll(closers);
    await failStart(error);
  }
}

async function restore(
  options: DaemonOptions & { readonly file: string },
  paths: StatePaths,
): Promise<void> {
  const restored = await restoreDaemon(options, paths, path.join(dist, 'migrations'));
  await tellParent({ type: 'restored', restored });
  process.stdout.write(`Restored ${restored.rows} rows from ${restored.file}.\n`);
}

async function serve(options: DaemonOptions, paths: StatePaths, closers: Closers): Promise<void> {
  const config = await loadConfig({
    file: paths.configFile,
    env: process.env,
    flags: options.flags,
  });
  const lock = await acquireStateLock(paths.stateDir);
  closers.push({ what: 'lock', close: () => lock.release() });
  const logger = createLogger(logOptions(config, paths, options.foreground));
  closers.push({ what: 'log', close: () => logger.close() });
  const { log } = logger;
  log.info({ version, stateDir: paths.stateDir }, 'starting');

  let stopping = false;
  const stop = (why: string) => {
    if (stopping) return;
    stopping = true;
    log.info({ why }, 'stopping');
    void closeAll(closers).then(() => process.exit(0));
  };
  try {
    const daemon = await start(config, paths, log, closers, () => stop('asked to'));
    await listenOnSocket(daemon.rest, paths.socketPath, options.socketGroup);
    log.info({ socket: paths.socketPath, interrupted: daemon.interrupted }, 'ready');
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal));
    await tellParent({ type: 'ready', daemon: describeDaemon(daemon.facts()) });
  } catch (error) {
    log.fatal({ err: error }, 'start failed');
    throw error;
  }
}

async function start(
  config: Config,
  paths: StatePaths,
  log: Logger,
  closers: Closers,
  onStop: () => void,
): Promise<Daemon> {
  const masterKey = await loadMasterKey(paths.stateDir, process.env['SYNTROPY_MASTER_KEY']);
  const databaseUrl = config.get('database.url');
  const database = await openDatabase({
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
    stateDir: paths.stateDir,
    logDir: paths.logDir,
    onTrouble: (what, details) => log.warn(details, what),
  });
  closers.push({ what: 'database', close: () => database.close() });
  const schemaVersion = await migrate(database.pool, path.join(dist, 'migrations'));
  const daemonId = await ownId(paths.stateDir);
  const tracing = await openTracing(process.env, { daemonId, version, log });
  if (tracing) closers.push({ what: 'tracing', close: () => tracing.close() });
  const daemon = await compose({
    config,
    database,
    schemaVersion,
    masterKey,
    paths,
    log,
    writerEntry: path.join(dist, 'writer.mjs'),
    agentRelease: path.join(dist, 'agent'),
    enrolment: await readEnrolment(path.join(dist, 'enrolment')),
    daemonId,
    tracing,
    onStop,
  });
  closers.push({ what: 'daemon', close: () => daemon.close() });
  return daemon;
}

async function readEnrolment(folder: string) {
  return {
    script: await readFile(path.join(folder, 'enrol.sh'), 'utf8'),
    unit: await readFile(path.join(folder, 'syntropy-enrol.service'), 'utf8'),
  };
}

/** The same at every start of a state directory, so that a crashed run's operations are known as ours. */
async function ownId(stateDir: string): Promise<string> {
  const file = path.join(stateDir, 'daemon.id');
  const known = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (isUuid(known)) return known;
  const id = randomUUID();
  await writeFileAtomic(file, `${id}\n`);
  return id;
}

function logOptions(config: Config, paths: StatePaths, foreground: boolean) {
  return {
    directory: paths.logDir,
    fileName: path.basename(paths.logFile),
    level: config.get('log.level'),
    maxSizeMiB: config.get('log.maxSizeMiB'),
    maxFiles: config.get('log.maxFiles'),
    foreground,
  };
}

async function closeAll(closers: Closers): Promise<void> {
  for (const { close } of closers.splice(0).toReversed()) await close().catch(() => undefined);
}

async function failStart(error: unknown): Promise<never> {
  const failure = failureMessage(error);
  await tellParent({ type: 'failed', error: failure });
  process.stderr.write(`Error: ${failure.message}\n${failure.hint}\n`);
  process.exit(errorCodes[failure.code].exitCode);
}

await main();
