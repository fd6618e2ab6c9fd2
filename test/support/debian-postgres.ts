import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

import { waitFor } from './wait-for.js';

const run = promisify(execFile);
const ROOT = '/usr/lib/postgresql';
const STOP_MS = 15_000;

export interface DebianPostgres {
  /** Directory of the socket. */
  readonly host: string;
  readonly user: string;
  stop(): Promise<void>;
}

/**
 * Starts a throw-away cluster of the host’s own PostgreSQL, the oldest version that is installed: the other server that everything must
 * work on. Undefined where none is installed. Run by the account `postgres` when the tests run as root.
 */
export async function startDebianPostgres(): Promise<DebianPostgres | undefined> {
  const versions = await readdir(ROOT).catch(() => []);
  const [oldest] = versions.map(Number).toSorted((a, b) => a - b);
  if (oldest === undefined) return undefined;
  const bin = path.join(ROOT, String(oldest), 'bin');
  const account = process.getuid?.() === 0 ? await findPostgres() : undefined;
  const as = account ?? {};
  const directory = await mkdtemp(path.join(os.tmpdir(), 'syntropy-debian-'));
  if (account) await chown(directory, account.uid, account.gid);
  const data = path.join(directory, 'data');
  await run(
    path.join(bin, 'initdb'),
    ['-D', data, '-U', 'tester', '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C'],
    { ...as, cwd: directory },
  );
  const server = spawn(
    path.join(bin, 'postgres'),
    ['-D', data, '-c', 'listen_addresses=', '-k', directory, '-c', 'fsync=off'],
    { ...as, cwd: data, stdio: 'ignore' },
  );
  const exited = once(server, 'exit');
  const stop = async () => {
    server.kill('SIGQUIT');
    await Promise.race([exited, once(AbortSignal.timeout(STOP_MS), 'abort')]);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await waitFor('the host’s PostgreSQL', () => answers(directory), 30_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { host: directory, user: 'tester', stop };
}

async function answers(host: string): Promise<boolean> {
  const client = new pg.Client({ host, user: 'tester', database: 'postgres' });
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function findPostgres(): Promise<{ uid: number; gid: number } | undefined> {
  const passwd = await readFile('/etc/passwd', 'utf8');
  const [, uid, gid] = /^postgres:[^:]*:(\d+):(\d+):/m.exec(passwd) ?? [];
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}
