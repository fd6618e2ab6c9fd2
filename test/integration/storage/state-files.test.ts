import { chmod, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';

import { writeFileAtomic } from '../../../src/core/storage/files/atomic-file.js';
import { acquireFileLock } from '../../../src/core/storage/files/file-lock.js';
import { loadMasterKey, masterKeyFile } from '../../../src/core/storage/files/master-key.js';
import { ensurePrivateDirectory } from '../../../src/core/storage/files/private-directory.js';
import { acquireStateLock } from '../../../src/core/storage/files/state-lock.js';
import { temporaryFolder } from '../../support/backups.js';

// Goal: what a daemon keeps is readable by its account alone, and never half written.
it('makes the master key once, for its owner alone', async () => {
  await using folder = await temporaryFolder();

  const first = await loadMasterKey(folder.path);

  expect(first).toHaveLength(32);
  expect(await loadMasterKey(folder.path)).toEqual(first);
  expect((await stat(masterKeyFile(folder.path))).mode & 0o777).toBe(0o600);
});

it('refuses a master key that others can read, or that is none', async () => {
  await using folder = await temporaryFolder();
  await loadMasterKey(folder.path);
  await chmod(masterKeyFile(folder.path), 0o640);
  await expect(loadMasterKey(folder.path)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });

  await chmod(masterKeyFile(folder.path), 0o600);
  await writeFile(masterKeyFile(folder.path), 'c2hvcnQ=\n');
  await expect(loadMasterKey(folder.path)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

it('prefers the master key of the environment, and leaves no file for it', async () => {
  await using folder = await temporaryFolder();
  const key = Buffer.alloc(32, 9);

  expect(await loadMasterKey(folder.path, key.toString('base64'))).toEqual(key);
  await expect(stat(masterKeyFile(folder.path))).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(loadMasterKey(folder.path, 'short')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  });
});

it('tightens a directory of ours and refuses a link in its place', async () => {
  await using folder = await temporaryFolder();
  const directory = path.join(folder.path, 'state');
  await ensurePrivateDirectory(directory);
  await chmod(directory, 0o755);

  await ensurePrivateDirectory(directory);

  expect((await stat(directory)).mode & 0o777).toBe(0o700);
  await symlink(directory, path.join(folder.path, 'link'));
  await expect(ensurePrivateDirectory(path.join(folder.path, 'link'))).rejects.toMatchObject({
    code: 'SOCKET_PERMISSION',
  });
});

it('keeps the old file whole when the new one cannot be put in its place', async () => {
  await using folder = await temporaryFolder();
  const file = path.join(folder.path, 'file');
  await writeFileAtomic(file, 'old');

  await Promise.all(
    Array.from({ length: 20 }, (_, n) => writeFileAtomic(file, String(n).repeat(5))),
  );

  expect(await readFile(file, 'utf8')).toMatch(/^(\d{1,2})\1{4}$/);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

it('locks a state directory until it is released', async () => {
  await using folder = await temporaryFolder();
  const lock = await acquireStateLock(folder.path);
  await expect(acquireStateLock(folder.path)).rejects.toMatchObject({
    code: 'DAEMON_ALREADY_RUNNING',
    details: { pid: process.pid },
  });

  await lock.release();

  await (await acquireStateLock(folder.path)).release();
});

it('holds a file without writing a byte, so that a full disk keeps no agent from starting', async () => {
  await using folder = await temporaryFolder();
  const file = path.join(folder.path, 'agent.lock');

  const lock = acquireFileLock(file);
  const second = acquireFileLock(file);

  expect(lock).toBeDefined();
  expect(second).toBeUndefined();
  expect(await readdir(folder.path)).toEqual(['agent.lock']);
  expect((await stat(file)).size).toBe(0);
  lock?.release();
});
