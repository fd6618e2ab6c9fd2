import { execFile, execFileSync } from 'node:child_process';
import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { bzip2Image } from '../../support/slow-image.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { decodeJoinToken } from '../../../src/contract/agent/join-token.js';
import { documentOf, ended } from '../../support/cli.js';
import { type DaemonProcess, daemonProcess, isAlive } from '../../support/daemon-process.js';
import { type LoopDevice, loopDevice } from '../../support/loop-device.js';
import { missing } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';

const run = promisify(execFile);
const MIB = 1 << 20;

const RISK = ['--accept-risk', 'not-removable'];

function part(value: unknown, ...keys: string[]): unknown {
  return keys.reduce<unknown>((inner, key) => new Map(Object.entries(inner ?? {})).get(key), value);
}

/** Pids of the writers that are children of this daemon. */
async function writersOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const children = text.split(' ').filter(Boolean).map(Number);
  const lines = await Promise.all(
    children.map((child) => readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '')),
  );
  return children.filter((_, index) => lines[index]?.includes('writer.mjs'));
}

async function firstBytes(device: LoopDevice): Promise<Buffer> {
  const file = await open(device.backingFile, 'r');
  const { buffer } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
  await file.close();
  return buffer;
}

describe.skipIf(missing('root', 'loop', 'mtools', 'packers'))(
  'a stick, by the real command',
  () => {
    let daemon: DaemonProcess;
    beforeAll(async () => {
      daemon = await daemonProcess();
    });
    afterAll(async () => {
      await daemon[Symbol.asyncDispose]();
    });

    /** Begins a write that takes long enough to be disturbed, and waits until bytes flow. */
    async function slowWrite(device: LoopDevice, name: string) {
      const image = await bzip2Image(path.join(daemon.home, 'slow.img.bz2'));
      const command = daemon.begin(
        'node',
        'create',
        '--name',
        name,
        '--usb',
        device.path,
        ...RISK,
        '--image',
        image,
        '--no-config',
        '--yes',
        '--json',
      );
      const result = ended(command);
      await waitFor('bytes to flow', async () => {
        const { operations } = await daemon.client.call('operations.list', { status: 'running' });
        return operations.some((operation) => (operation.progress?.doneBytes ?? 0) > 0);
      });
      return { command, result };
    }

    it('is written, verified and given its identity', async () => {
      await using device = await loopDevice({ sizeBytes: 24 * MIB });

      const result = await daemon.cli(
        'node',
        'create',
        '--name',
        'stick-01',
        '--usb',
        device.path,
        ...RISK,
        '--daemon-url',
        'https://10.0.2.2:8080',
        '--label',
        'site=attic',
        '--yes',
        '--json',
      );

      expect(result.status).toBe(0);
      expect(documentOf(result)).toMatchObject({
        schemaVersion: 1,
        node: { name: 'stick-01', status: 'provisioned', labels: { site: 'attic' } },
        operation: { status: 'succeeded', result: { targetState: 'verified' } },
      });
      const env = execFileSync(
        'mtype',
        ['-i', `${device.backingFile}@@1M`, '::/syntropy/join.env'],
        { encoding: 'utf8' },
      );
      expect(env).toMatch(/^SYNTROPY_NAME=stick-01\n/);
      expect(env).toContain('SYNTROPY_DAEMON_URL=https://10.0.2.2:8080\n');
      const token = /SYNTROPY_JOIN_TOKEN=(\S+)/.exec(env)?.[1] ?? '';
      const log = await readFile(path.join(daemon.stateDir, 'logs/daemon.log'), 'utf8');
      expect(decodeJoinToken(token)).toMatchObject({ url: 'https://10.0.2.2:8080' });
      expect(log + result.stdout + result.stderr).not.toContain(token);
      const { stdout } = await run('fsck.vfat', ['-n', await partitionOf(device, daemon)]);
      expect(stdout).not.toMatch(/differ|wrong|dirty/i);
    });

    it('is cancelled by Ctrl-C within a second, and the command says what is left', async () => {
      await using device = await loopDevice({ sizeBytes: 480 * MIB, empty: true });
      const { command, result } = await slowWrite(device, 'stick-02');

      command.kill('SIGINT');
      const startedAt = performance.now();
      await waitFor('the operation to end', async () => {
        const { operations } = await daemon.client.call('operations.list', { node: 'stick-02' });
        return operations[0]?.endedAt !== undefined;
      });
      const tookMs = performance.now() - startedAt;

      // A bound of the product, not a measurement: "stops within a second", doubled for a machine that is busy.
      expect(tookMs).toBeLessThan(2_000);
      const { status, stdout } = await result;
      expect(status).toBe(130);
      expect(JSON.parse(stdout)).toMatchObject({
        error: { code: 'OPERATION_CANCELLED', details: { targetState: 'unusable' } },
      });
      expect(await daemon.client.call('nodes.get', { node: 'stick-02' })).toMatchObject({
        status: 'failed',
      });
    });

    it('fails when its writer is killed, the daemon lives, and the same command goes on with the node', async () => {
      await using device = await loopDevice({ sizeBytes: 480 * MIB, empty: true });
      const { result } = await slowWrite(device, 'stick-03');
      const before = await daemon.client.call('nodes.get', { node: 'stick-03' });

      for (const pid of await writersOf(daemon.pid)) process.kill(pid, 'SIGKILL');
      const { status, stdout } = await result;
      const again = await daemon.cli(
        'node',
        'create',
        '--name',
        'stick-03',
        '--usb',
        device.path,
        ...RISK,
        '--yes',
        '--json',
      );

      expect(status).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({
        error: { code: 'WRITE_FAILED', details: { targetState: 'unusable' } },
      });
      expect(isAlive(daemon.pid)).toBe(true);
      expect(part(documentOf(again), 'node', 'id')).toBe(before.id);
      expect(part(documentOf(again), 'node', 'status')).toBe('provisioned');
    });

    it('is marked as interrupted when the daemon is killed; its writer dies too, and the next daemon knows', async () => {
      await using device = await loopDevice({ sizeBytes: 480 * MIB, empty: true });
      const { result } = await slowWrite(device, 'stick-04');
      const writers = await writersOf(daemon.pid);

      await daemon.crash();
      await waitFor('the writer to be gone', () => writers.every((pid) => !isAlive(pid)), 5_000);
      const { status } = await result;
      await daemon.restart();

      expect(writers).toHaveLength(1);
      expect(status).toBe(6);
      const { operations } = await daemon.client.call('operations.list', { node: 'stick-04' });
      expect(operations[0]).toMatchObject({
        status: 'interrupted',
        error: { code: 'OPERATION_INTERRUPTED', details: { targetState: 'unusable' } },
      });
      expect(await daemon.client.call('nodes.get', { node: 'stick-04' })).toMatchObject({
        status: 'failed',
        statusReason: expect.stringContaining('OPERATION_INTERRUPTED'),
      });
      const again = await daemon.cli(
        'node',
        'create',
        '--name',
        'stick-04',
        '--usb',
        device.path,
        ...RISK,
        '--yes',
        '--json',
      );
      expect(again.status).toBe(0);
    });

    it('is refused with its status, and nothing is written or registered', async () => {
      await using plain = await loopDevice({ sizeBytes: 24 * MIB });
      await using readOnly = await loopDevice({ sizeBytes: 24 * MIB, readOnly: true });
      await using short = await loopDevice({ sizeBytes: 4 * MIB });
      await using mounted = await loopDevice({ sizeBytes: 24 * MIB });
      await run('mkfs.ext4', ['-q', mounted.path]);
      const mountpoint = path.join(daemon.home, 'mnt');
      await mkdir(mountpoint, { recursive: true });
      await run('mount', [mounted.path, mountpoint]);
      await writeFile(path.join(mountpoint, 'precious'), 'keep me');
      const taken = path.join(daemon.home, 'taken.img');
      await daemon.cli('node', 'create', '--name', 'taken-01', '--output', taken);
      const before = await firstBytes(plain);
      const nodes = await daemon.client.call('nodes.list', {});
      const create = (...flags: string[]) =>
        daemon.cli('node', 'create', '--yes', '--json', ...flags);
      const name = ['--name', 'stick-05'];
      const cases: readonly (readonly [string, number, string[]])[] = [
        ['DEVICE_NOT_REMOVABLE', 5, [...name, '--usb', plain.path]],
        ['DEVICE_READ_ONLY', 5, [...name, '--usb', readOnly.path, ...RISK]],
        ['DEVICE_TOO_SMALL', 5, [...name, '--usb', short.path, ...RISK]],
        ['DEVICE_MOUNTED', 5, [...name, '--usb', mounted.path, ...RISK]],
        ['DEVICE_NOT_FOUND', 4, [...name, '--usb', '/dev/nope']],
        ['DEVICE_NOT_BLOCK', 2, [...name, '--usb', '/dev/null']],
        ['IMAGE_NOT_FOUND', 4, [...name, '--usb', plain.path, ...RISK, '--image', '/nope.img']],
        [
          'IMAGE_CHECKSUM_MISMATCH',
          1,
          [...name, '--usb', plain.path, ...RISK, '--sha256', 'ab'.repeat(32)],
        ],
        ['NODE_NAME_TAKEN', 5, ['--name', 'taken-01', '--usb', plain.path, ...RISK]],
        ['NAME_INVALID', 2, ['--name', 'Stick_1', '--usb', plain.path, ...RISK]],
      ];

      try {
        for (const [code, status, flags] of cases) {
          for (const also of [[], ['--dry-run']]) {
            const result = await create(...flags, ...also);
            expect({
              flags,
              status: result.status,
              code: part(documentOf(result), 'error', 'code'),
            }).toEqual({
              flags,
              status,
              code,
            });
          }
        }
        expect(await firstBytes(plain)).toEqual(before);
        expect(await daemon.client.call('nodes.list', {})).toEqual(nodes);
        expect(await readdir(mountpoint)).toContain('precious');
      } finally {
        await run('umount', [mountpoint]);
      }
    });

    it('is unmounted first when that is asked for', async () => {
      await using device = await loopDevice({ sizeBytes: 24 * MIB });
      await run('mkfs.ext4', ['-q', device.path]);
      const mountpoint = path.join(daemon.home, 'mnt with space');
      await mkdir(mountpoint, { recursive: true });
      await run('mount', [device.path, mountpoint]);

      const result = await daemon.cli(
        'node',
        'create',
        '--name',
        'stick-06',
        '--usb',
        device.path,
        ...RISK,
        '--unmount',
        '--yes',
        '--json',
      );

      expect(result.status).toBe(0);
      expect(await readdir(mountpoint)).toEqual([]);
    });

    it('has one writer: a second command for the same device is refused', async () => {
      await using device = await loopDevice({ sizeBytes: 480 * MIB, empty: true });
      const { command, result } = await slowWrite(device, 'stick-07');

      const second = await daemon.cli(
        'node',
        'create',
        '--name',
        'stick-08',
        '--usb',
        device.path,
        ...RISK,
        '--yes',
        '--json',
      );
      command.kill('SIGINT');
      await result;

      expect(second.status).toBe(5);
      expect(part(documentOf(second), 'error', 'code')).toBe('DEVICE_BUSY');
    });
  },
);

/** The FAT partition of a stick as a file of its own. */
async function partitionOf(device: LoopDevice, daemon: DaemonProcess): Promise<string> {
  const file = path.join(daemon.home, 'partition.fat');
  await run('dd', [
    `if=${device.backingFile}`,
    `of=${file}`,
    'bs=1M',
    'skip=1',
    'count=15',
    'status=none',
  ]);
  return file;
}
