import { createHash, randomUUID } from 'node:crypto';
import { chmod, chown, lstat, mkdir, readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { AppError } from '../../../types/errors/app-error.js';
import { errorCode } from '../../../types/errors/error-code.js';
import { writeFileAtomic } from '../../files/atomic-file.js';
import { ensurePrivateDirectory } from '../../files/private-directory.js';

/** Where the clusters of daemons that run as root lie: others must be able to pass through to their own. */
const SYSTEM_ROOT = '/var/lib/syntropy-postgres';
/** Accounts that may run Postgres for a daemon that runs as root, best first. None is ever created. */
const ACCOUNTS = ['postgres', 'syntropy', 'nobody'] as const;
/** sun_path holds 108 bytes on Linux, 104 on macOS; Postgres adds `/.s.PGSQL.5432`. */
const MAX_SOCKET_DIRECTORY = 88;

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Where one cluster lies and who runs it. Decided on first start and kept in `postgres.json`. */
export interface Placement {
  readonly id: string;
  readonly clusterDir: string;
  readonly dataDir: string;
  readonly socketDir: string;
  readonly binariesDir: string;
  /** Absent: the daemon's own account. */
  readonly account?: Account;
}

/**
 * Finds or decides the placement of a state directory's cluster. Postgres refuses to run as root, and the account that
 * runs it must be able to enter every parent folder; a state directory is private, so root's clusters lie elsewhere.
 * @throws {AppError} CAPABILITY_MISSING when root has no account to run Postgres as.
 */
export async function placeCluster(stateDir: string): Promise<Placement> {
  const file = path.join(stateDir, 'postgres.json');
  const known = await readIfThere(file);
  if (known !== undefined) {
    // Our own file in a private directory.
    const kept: Placement = JSON.parse(known);
    // A user's cluster moves with its state directory; a system one stays where it is.
    const placement = kept.account ? kept : { ...userPlacement(stateDir), id: kept.id };
    await prepare(placement);
    return placement;
  }
  const placement = process.getuid?.() === 0 ? await systemPlacement() : userPlacement(stateDir);
  await prepare(placement);
  await writeFileAtomic(file, `${JSON.stringify(placement, undefined, 2)}\n`);
  return placement;
}

function userPlacement(stateDir: string): Placement {
  const clusterDir = path.join(stateDir, 'postgres');
  return {
    id: randomUUID(),
    clusterDir,
    dataDir: path.join(clusterDir, 'data'),
    socketDir: shortSocketDirectory(clusterDir),
    binariesDir: path.join(clusterDir, 'binaries'),
  };
}

async function systemPlacement(): Promise<Placement> {
  const root = process.env['SYNTROPY_CLUSTER_ROOT'] ?? SYSTEM_ROOT;
  const id = randomUUID();
  const clusterDir = path.join(root, id);
  return {
    id,
    clusterDir,
    dataDir: path.join(clusterDir, 'data'),
    socketDir: shortSocketDirectory(clusterDir),
    binariesDir: path.join(root, 'binaries'),
    account: await findAccount(),
  };
}

async function prepare(placement: Placement): Promise<void> {
  const { account, clusterDir, socketDir, binariesDir } = placement;
  if (!account) {
    await ensurePrivateDirectory(clusterDir);
    await ensurePrivateDirectory(socketDir);
    return;
  }
  for (const directory of [path.dirname(binariesDir), binariesDir, clusterDir]) {
    await mkdir(directory, { recursive: true, mode: 0o755 });
    await chmod(directory, 0o755);
  }
  // The account owns its data and its socket, and nothing above them.
  await giveDirectory(socketDir, account);
}

/**
 * Makes a directory of the account's own. It may lie under the temporary directory, where a stranger can have laid a link of
 * that name, which a change of owner would follow.
 */
async function giveDirectory(directory: string, account: Account): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const stats = await lstat(directory);
  if (!stats.isDirectory() || ![0, account.uid].includes(stats.uid)) {
    throw new AppError('SOCKET_PERMISSION', `${directory} belongs to someone else.`, { directory });
  }
  await chmod(directory, 0o700);
  await chown(directory, account.uid, account.gid);
}

/** Only absence counts as absent: a cluster that cannot be found for a moment must not be replaced by an empty one. */
async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function shortSocketDirectory(clusterDir: string): string {
  const beside = path.join(clusterDir, 'run');
  if (Buffer.byteLength(beside) <= MAX_SOCKET_DIRECTORY) return beside;
  const short = createHash('sha256').update(clusterDir).digest('hex').slice(0, 16);
  return path.join(os.tmpdir(), `syntropy-pg-${process.getuid?.() ?? 0}-${short}`);
}

async function findAccount(): Promise<Account> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const accounts = passwd.split('\n').map((line) => line.split(':'));
  for (const name of ACCOUNTS) {
    const fields = accounts.find((candidate) => candidate[0] === name);
    const uid = Number(fields?.[2]);
    const gid = Number(fields?.[3]);
    if (fields && uid > 0 && gid > 0) return { name, uid, gid };
  }
  throw new AppError(
    'CAPABILITY_MISSING',
    `Postgres does not run as root, and none of the accounts ${ACCOUNTS.join(', ')} exists. Create one, or set DATABASE_URL.`,
  );
}
