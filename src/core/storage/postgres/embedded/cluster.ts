import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import type { Placement } from './placement.js';

import { AppError } from '../../../types/errors/app-error.js';

const run = promisify(execFile);
const INITDB_TIMEOUT_MS = 120_000;
/** The database role of the daemon; nobody else has one. */
export const ROLE = 'syntropy';

/**
 * Makes the cluster unless there is one. It is made beside its place and renamed when complete, so that a crash on the way
 * leaves nothing that looks like a cluster.
 * @throws {AppError} DATABASE_UNSUPPORTED when the cluster is of another major version than the binaries.
 */
export async function ensureCluster(placement: Placement, binaries: string): Promise<void> {
  const existing = await readFile(path.join(placement.dataDir, 'PG_VERSION'), 'utf8').catch(
    () => undefined,
  );
  if (existing !== undefined) return requireSameMajor(existing.trim(), binaries, placement);
  const temporary = path.join(placement.clusterDir, `.init-${randomUUID()}`);
  await removeUnfinished(placement.clusterDir);
  try {
    await initdb(placement, binaries, temporary);
    await rename(temporary, placement.dataDir);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

async function initdb(placement: Placement, binaries: string, into: string): Promise<void> {
  const { account } = placement;
  await mkdir(into, { mode: 0o700 });
  if (account) await chown(into, account.uid, account.gid);
  await run(
    path.join(binaries, 'bin', 'initdb'),
    [`--pgdata=${into}`, `--username=${ROLE}`, '--encoding=UTF8', '--locale=C', '--auth=peer'],
    {
      timeout: INITDB_TIMEOUT_MS,
      cwd: into,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      ...(account ? { uid: account.uid, gid: account.gid } : {}),
    },
  );
  // Synced as initdb has synced the rest: after a power loss an empty one would lock the daemon out.
  const synced = { flush: true };
  await writeFile(path.join(into, 'pg_hba.conf'), 'local all all peer map=syntropy\n', synced);
  await writeFile(path.join(into, 'pg_ident.conf'), identMap(account?.name), synced);
}

/** Who may be the role: the account that runs Postgres, and the daemon's own. The kernel vouches for them. */
function identMap(runsAs: string | undefined): string {
  const names = new Set([os.userInfo().username, ...(runsAs === undefined ? [] : [runsAs])]);
  return [...names].map((name) => `syntropy "${name}" ${ROLE}\n`).join('');
}

async function removeUnfinished(clusterDir: string): Promise<void> {
  const entries = await readdir(clusterDir);
  for (const entry of entries.filter((name) => name.startsWith('.init-'))) {
    // The initdb of a daemon that was killed may still be writing there.
    await rm(path.join(clusterDir, entry), { recursive: true, force: true, maxRetries: 5 });
  }
}

async function requireSameMajor(
  major: string,
  binaries: string,
  placement: Placement,
): Promise<void> {
  const ours = path.basename(binaries).split('.')[0] ?? '';
  if (major === ours) return access(placement.dataDir);
  throw new AppError(
    'DATABASE_UNSUPPORTED',
    `The embedded database was made by PostgreSQL ${major}; this program brings ${ours}. Back it up with the program that made it, then restore.`,
    { cluster: placement.dataDir },
  );
}
