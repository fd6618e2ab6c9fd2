import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, open, readdir, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { WriteJob } from '../../../src/core/types/models/stick.js';

import { createStickWriter } from '../../../src/core/platform/common/stick/stick-writer.js';
import { builtPath } from '../../support/built.js';
import { writeImage } from '../../support/images.js';
import { loopDevice } from '../../support/loop-device.js';
import { missing } from '../../support/requirements.js';
import { scratchFolder } from '../../support/scratch.js';
import { startFrozenAt, startWrite } from '../../support/stick.js';
import { waitFor } from '../../support/wait-for.js';

// Goal: the writer is a process of its own, and whatever becomes of it, its parent and the device end up in a known state.
const run = promisify(execFile);
const MIB = 1 << 20;
const LARGE_BYTES = 400 * MIB;

describe.skipIf(missing('root', 'loop', 'packers'))('the writer process', () => {
  let scratch: Awaited<ReturnType<typeof scratchFolder>>;
  let large: string;

  beforeAll(async () => {
    scratch = await scratchFolder('/dev/shm');
    large = scratch.file('large');
    await writeImage(large, LARGE_BYTES);
  });
  afterAll(() => scratch[Symbol.asyncDispose]());

  const fromLarge = () => ({ source: { kind: 'file', path: large } }) as const;

  it('that is killed is a failed write, and the same write can be done again', async () => {
    await using device = await loopDevice({ sizeBytes: LARGE_BYTES, empty: true });
    const job = { ...fromLarge(), target: { kind: 'device', identity: device.identity } } as const;
    const writing = await startWrite(job);
    await firstByteOn(device.backingFile);

    process.kill(await writing.pid, 'SIGKILL');

    await expect(writing.report).rejects.toMatchObject({
      code: 'WRITE_FAILED',
      details: { targetState: 'unusable' },
    });
    await expect((await startWrite(job)).report).resolves.toMatchObject({ verified: true });
  });

  it.each(['write', 'verify', 'checksum'] as const)(
    'ends within a second when it is cancelled while it does its %s',
    async (phase) => {
      await using device = await loopDevice({ sizeBytes: LARGE_BYTES, empty: true });
      const writing = await startFrozenAt(phase, {
        ...fromLarge(),
        sha256: '0'.repeat(64),
        ...(phase === 'checksum' ? {} : { sha256: await sha256(large) }),
        target: { kind: 'device', identity: device.identity },
      });
      writing.thaw();

      const before = performance.now();
      writing.cancel();
      await expect(writing.report).rejects.toMatchObject({
        code: 'OPERATION_CANCELLED',
        details: { targetState: phase === 'checksum' ? 'untouched' : 'unusable' },
      });
      expect(performance.now() - before).toBeLessThan(1_000);
      await gone(await writing.pid);
    },
  );

  it('is killed when it does not answer to being cancelled, within a second', async () => {
    await using device = await loopDevice({ sizeBytes: LARGE_BYTES, empty: true });
    const writing = await startWrite({
      ...fromLarge(),
      target: { kind: 'device', identity: device.identity },
    });
    await firstByteOn(device.backingFile);
    process.kill(await writing.pid, 'SIGSTOP');

    const before = performance.now();
    writing.cancel();
    await expect(writing.report).rejects.toMatchObject({
      code: 'OPERATION_CANCELLED',
      details: { targetState: 'unusable' },
    });
    expect(performance.now() - before).toBeLessThan(1_000);
    await gone(await writing.pid);
  });

  it('is not even started when it was cancelled before', async () => {
    const writer = createStickWriter({ entry: '/does/not/exist', onStderr: () => undefined });
    await expect(
      writer.write(jobToFile(scratch.file('never')), {
        signal: AbortSignal.abort(),
        onProgress: () => undefined,
      }),
    ).rejects.toMatchObject({ code: 'OPERATION_CANCELLED', details: { targetState: 'untouched' } });
  });

  it('ends within a second when its parent dies, and leaves no unfinished file and no unpacker', async () => {
    const folder = scratch.file('out');
    await run('mkdir', [folder]);
    const packed = scratch.file('large.xz');
    await run('sh', ['-c', 'head -c 40000000 "$0" | xz -0c > "$1"', large, packed]);
    const job = { ...jobToFile(`${folder}/image`), source: { kind: 'file', path: packed } };
    const child = spawn(process.execPath, [await builtPath('writer.mjs')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.write(`${JSON.stringify(job)}\n`);
    await waitFor('the unfinished file', async () => (await readdir(folder)).length > 0);
    const unpackers = (await run('pgrep', ['-P', String(child.pid)]).catch(() => ({ stdout: '' })))
      .stdout;

    const before = performance.now();
    child.stdin.end();
    await once(child, 'exit');
    expect(performance.now() - before).toBeLessThan(1_000);
    expect(await readdir(folder)).toEqual([]);
    for (const pid of unpackers.trim().split('\n').filter(Boolean)) await gone(Number(pid));
  });

  it('holds little memory, whatever it unpacks', async () => {
    const packed = scratch.file('large.gz');
    await run('sh', ['-c', 'head -c 200000000 "$0" | gzip -1c > "$1"', large, packed]);
    await using device = await loopDevice({ sizeBytes: LARGE_BYTES, empty: true });
    const writing = await startWrite({
      source: { kind: 'file', path: packed },
      target: { kind: 'device', identity: device.identity },
    });
    const peak = await peakMemory(await writing.pid, writing.report);
    expect(peak).toBeGreaterThan(20 * MIB);
    expect(peak).toBeLessThan(160 * MIB);
  });

  it.each([
    { what: 'ends without a word', script: 'exit 3' },
    { what: 'says what is no message', script: 'echo hello; sleep 30' },
    { what: 'never stops talking', script: 'yes "" | tr "\\n" x; sleep 30' },
  ])('is taken for dead when it $what', async ({ script }) => {
    const entry = scratch.file('fake.mjs');
    await writeFile(
      entry,
      `import { spawnSync } from 'node:child_process';
       process.exit(spawnSync('sh', ['-c', ${JSON.stringify(script)}], { stdio: 'inherit' }).status);`,
    );
    await chmod(entry, 0o600);
    const writer = createStickWriter({ entry, onStderr: () => undefined });
    await expect(
      writer.write(jobToFile(scratch.file('never')), {
        signal: new AbortController().signal,
        onProgress: () => undefined,
      }),
    ).rejects.toMatchObject({ code: 'WRITE_FAILED', details: { targetState: 'removed' } });
  });
});

function jobToFile(path: string): WriteJob {
  return {
    source: { kind: 'seed' },
    target: { kind: 'file', path, replace: false },
    identityFiles: [],
    verify: true,
    unmount: false,
    eject: false,
  };
}

/** The image begins with noise, the device with zeros. */
async function firstByteOn(backingFile: string): Promise<void> {
  await using file = await open(backingFile);
  await waitFor('the first byte on the device', async () => {
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, 0);
    return buffer[0] !== 0;
  });
}

async function sha256(file: string): Promise<string> {
  return (await run('sha256sum', [file])).stdout.slice(0, 64);
}

function gone(pid: number): Promise<true> {
  return waitFor(`process ${pid} to be gone`, () => {
    try {
      process.kill(pid, 0);
      return undefined;
    } catch {
      return true;
    }
  });
}

/** Highest resident memory that the kernel has seen of a process (VmHWM), read until it ends. */
async function peakMemory(pid: number, end: Promise<unknown>): Promise<number> {
  let ended = false;
  let peak = 0;
  const finished = end.finally(() => (ended = true));
  await waitFor('the write to end', async () => {
    const { stdout } = await run('cat', [`/proc/${pid}/status`]).catch(() => ({ stdout: '' }));
    const kib = Number(/VmHWM:\s+(\d+) kB/.exec(stdout)?.[1] ?? 0);
    peak = Math.max(peak, kib * 1024);
    return ended;
  });
  await finished;
  return peak;
}
