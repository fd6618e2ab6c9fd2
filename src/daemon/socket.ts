import type { FastifyInstance } from 'fastify';

import { chmod, chown, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { ensurePrivateDirectory } from '../core/storage/files/private-directory.js';
import { AppError } from '../core/types/errors/app-error.js';

/**
 * Listens on the local socket. The state lock is ours, so a socket that is there already is a dead daemon's. Who can open it
 * is an administrator: 0600, or 0660 for the members of a group.
 * @throws {AppError} CONFIG_INVALID when there is no such group.
 */
export async function listenOnSocket(
  rest: FastifyInstance,
  socketPath: string,
  group: string | undefined,
): Promise<void> {
  if (process.platform === 'win32') {
    await rest.listen({ path: socketPath });
    return;
  }
  // A group's socket lies in a directory that the service manager made for it.
  if (group === undefined) await ensurePrivateDirectory(path.dirname(socketPath));
  await removeDeadSocket(socketPath);
  // Nobody gets in between the listening and the chmod.
  const before = process.umask(0o177);
  try {
    await rest.listen({ path: socketPath });
  } finally {
    process.umask(before);
  }
  if (group === undefined) return;
  await chown(socketPath, process.getuid?.() ?? 0, await groupId(group));
  await chmod(socketPath, 0o660);
}

async function removeDeadSocket(socketPath: string): Promise<void> {
  const stats = await stat(socketPath).catch(() => undefined);
  if (stats?.isSocket()) await rm(socketPath, { force: true });
}

async function groupId(name: string): Promise<number> {
  const groups = await readFile('/etc/group', 'utf8').catch(() => '');
  const fields = groups
    .split('\n')
    .map((line) => line.split(':'))
    .find((candidate) => candidate[0] === name);
  const gid = Number(fields?.[2]);
  if (fields && Number.isInteger(gid)) return gid;
  throw new AppError('CONFIG_INVALID', `There is no group "${name}" for the socket.`, {
    group: name,
  });
}
