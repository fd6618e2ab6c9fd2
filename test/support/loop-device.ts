import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';

import type { DriveIdentity } from '../../src/core/types/models/drive.js';

import { createLinuxDriveLister } from '../../src/core/platform/linux/drives.js';
import { scratchFolder } from './scratch.js';

const run = promisify(execFile);
const PIECE_BYTES = 1 << 20;

export interface LoopDevice extends AsyncDisposable {
  readonly path: string;
  /** What the device's bytes are kept in: a test changes and reads them behind the writer's back. */
  readonly backingFile: string;
  readonly identity: DriveIdentity;
}

/** A real block device over a file of its own, full of old 0xFF bytes; taken away again with the test. */
export async function loopDevice(options: {
  readonly sizeBytes: number;
  readonly readOnly?: boolean;
  readonly logicalBlockBytes?: number;
  /** Where its file lies; memory unless said otherwise. */
  readonly folder?: string;
  /** Leave the file a hole: for devices whose bytes nobody looks at. */
  readonly empty?: boolean;
}): Promise<LoopDevice> {
  const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const scratch = await scratchFolder(options.folder ?? memory);
  const backingFile = scratch.file('disk');
  const file = await open(backingFile, 'w');
  const old = Buffer.alloc(PIECE_BYTES, 0xff);
  for (let at = 0; at < options.sizeBytes && !options.empty; at += PIECE_BYTES) {
    await file.write(old, 0, Math.min(PIECE_BYTES, options.sizeBytes - at), at);
  }
  await file.truncate(options.sizeBytes);
  await file.close();
  const flags = [
    ...(options.readOnly ? ['--read-only'] : []),
    ...(options.logicalBlockBytes ? ['--sector-size', String(options.logicalBlockBytes)] : []),
  ];
  const { stdout } = await run('losetup', ['--find', '--show', ...flags, backingFile]);
  const path = stdout.trim();
  const found = await createLinuxDriveLister().lookup(path);
  if (found.kind !== 'drive') throw new Error(`${path} is no drive: ${found.kind}`);
  const { sizeBytes, serial, byId } = found.drive;
  return {
    path,
    backingFile,
    identity: {
      path,
      sizeBytes,
      ...(serial === undefined ? {} : { serial }),
      ...(byId === undefined ? {} : { byId }),
    },
    async [Symbol.asyncDispose]() {
      // A test may have taken it away itself.
      await run('losetup', ['-d', path]).catch(() => undefined);
      await scratch[Symbol.asyncDispose]();
    },
  };
}

/** A file system in memory with so much room and no more. */
export async function smallFilesystem(
  sizeBytes: number,
): Promise<AsyncDisposable & { readonly path: string }> {
  const scratch = await scratchFolder();
  await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', scratch.path]);
  return {
    path: scratch.path,
    async [Symbol.asyncDispose]() {
      await run('umount', ['--lazy', scratch.path]).catch(() => undefined);
      await scratch[Symbol.asyncDispose]();
    },
  };
}
