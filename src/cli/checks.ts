import { execFile } from 'node:child_process';
import { access, constants, lstat } from 'node:fs/promises';
import { promisify } from 'node:util';

import type { SyntropyClient } from '../client/client.js';
import type { StatePaths } from '../core/config/state-paths.js';
import type { Daemon } from '../contract/schemas/daemon.js';

import { LOCAL_CONTEXT } from '../client/node/contexts.js';
import { failureOf } from './failure.js';
import { readSettings } from './settings.js';

/** `warning` is worth knowing and stops nothing. */
export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'failed';
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
}

const NEEDED_NODE = [24, 11] as const;
const PROGRAM_TIMEOUT_MS = 5_000;
const run = promisify(execFile);

export interface CheckOptions {
  readonly client: SyntropyClient;
  readonly paths: StatePaths;
  readonly context: string;
  /** Of this command. */
  readonly version: string;
}

/**
 * Looks at everything that the first commands of a new user stumble over; over a context, at what is about that. Changes nothing, and
 * never throws.
 */
export async function runChecks({
  client,
  paths,
  context,
  version,
}: CheckOptions): Promise<readonly Check[]> {
  const isLocal = context === LOCAL_CONTEXT;
  const daemon = await client.call('daemon.get', {}).catch((error: unknown) => failureOf(error));
  return [
    checkNode(),
    await checkStateDirectory(paths),
    await checkConfiguration(paths),
    ...('code' in daemon
      ? [failed('daemon', daemon.message, daemon.hint)]
      : checkDaemon(daemon, version, isLocal ? `on ${daemon.socket}` : `as context ${context}`)),
    ...(isLocal
      ? [await checkUnpacker('xz'), await checkUnpacker('bzip2'), await checkDrives(client)]
      : []),
  ];
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [neededMajor, neededMinor] = NEEDED_NODE;
  const fits = major > neededMajor || (major === neededMajor && minor >= neededMinor);
  const message = `Node ${process.versions.node}`;
  return fits ? ok('runtime', message) : failed('runtime', message, 'Install Node 24.');
}

async function checkStateDirectory({ stateDir }: StatePaths): Promise<Check> {
  const name = 'state directory';
  const stats = await lstat(stateDir).catch(() => undefined);
  if (!stats) return ok(name, `${stateDir} is not there yet; the first start makes it.`);
  if (process.platform === 'win32') return ok(name, stateDir);
  if ((stats.mode & 0o077) !== 0) {
    return failed(
      name,
      `${stateDir} is open to others.`,
      `Close it with \`chmod 700 ${stateDir}\`.`,
    );
  }
  if (stats.uid !== process.getuid?.() && process.getuid?.() !== 0) {
    return warning(name, `${stateDir} belongs to somebody else.`);
  }
  return ok(name, `${stateDir}, private`);
}

async function checkConfiguration(paths: StatePaths): Promise<Check> {
  try {
    await readSettings(paths);
    return ok('configuration', paths.configFile);
  } catch (error) {
    const { message, hint } = failureOf(error);
    return failed('configuration', message, hint);
  }
}

function checkDaemon(daemon: Daemon, version: string, where: string): readonly Check[] {
  const { database } = daemon;
  return [
    ok('daemon', `answers ${where}, pid ${daemon.pid}`),
    daemon.version === version
      ? ok('version', version)
      : warning(
          'version',
          `the command is ${version}, the daemon ${daemon.version}`,
          'Restart the daemon.',
        ),
    ok(
      'database',
      `${database.kind} PostgreSQL ${database.version}, schema ${database.schemaVersion}`,
    ),
  ];
}

async function checkUnpacker(program: string): Promise<Check> {
  try {
    await run(program, ['--version'], { timeout: PROGRAM_TIMEOUT_MS });
    return ok(program, 'installed');
  } catch {
    return warning(program, 'not installed', `.${program} images are unpacked by a slower way.`);
  }
}

/** The right to write is the daemon's; its own word on it would need a stick. This tells what can be told without one. */
async function checkDrives(client: SyntropyClient): Promise<Check> {
  try {
    const { drives } = await client.call('drives.list', { all: true });
    const writable = await Promise.all(drives.map(({ path }) => mayWrite(path)));
    const denied = drives.length > 0 && !writable.some(Boolean);
    const message = `the daemon sees ${drives.length}`;
    return denied
      ? warning(
          'drives',
          `${message}; this user may write none`,
          'Run the daemon as root for sticks.',
        )
      : ok('drives', message);
  } catch (error) {
    const { message, hint } = failureOf(error);
    return warning('drives', message, hint);
  }
}

function mayWrite(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}

function ok(name: string, message: string): Check {
  return { name, status: 'ok', message };
}

function warning(name: string, message: string, hint?: string): Check {
  return { name, status: 'warning', message, ...(hint === undefined ? {} : { hint }) };
}

function failed(name: string, message: string, hint: string): Check {
  return { name, status: 'failed', message, hint };
}
