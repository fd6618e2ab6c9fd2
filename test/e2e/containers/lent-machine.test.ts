import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type {
  ContainerRuntime,
  FoundImage,
  LentMachine,
  RunSpec,
} from '../../../src/core/services/container/runtime.ports.js';

import { openRuntime } from '../../../src/core/platform/common/engine/open-runtime.js';
import { containerCounters } from '../../../src/core/platform/linux/container-counters.js';
import { interfaceCounters } from '../../../src/core/platform/linux/interface-counters.js';
import { hostLentMachine } from '../../../src/core/platform/linux/lent-machine.js';
import { startDocker, startPodman, type TestEngine } from '../../support/engines.js';
import { cgroupsLeft, removeCgroups } from '../../support/leftovers.js';
import { missing } from '../../support/requirements.js';
import { type Program, runSpec, sh, STAYS } from '../../support/run-spec.js';
import { waitFor } from '../../support/wait-for.js';

const CPU_TREE = '/sys/fs/cgroup/cpu';
const SPAN_MS = 3_000;
const NODE = '0190a0a0-0000-7000-8000-00000000000a';
const FIRST = '0190a0a0-0000-7000-8000-000000000001';
const SECOND = '0190a0a0-0000-7000-8000-000000000002';
const V1 = { cgroup: 'v1', cgroupDriver: 'cgroupfs' } as const;

/** A machine under a name of the test's own, gone at the end. */
function lent(name: string): AsyncDisposable & { readonly machine: LentMachine } {
  const machine = hostLentMachine(name, V1);
  if (!machine) throw new Error('This machine cannot be lent.');
  return { machine, [Symbol.asyncDispose]: () => removeCgroups(name) };
}

/** A program that never rests, in that cgroup. */
async function hog(cgroup: string): Promise<AsyncDisposable> {
  const child = spawn('sh', ['-c', 'read go; while :; do :; done'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('It did not start.');
  for (const tree of ['cpu', 'cpuacct', 'memory', 'pids']) {
    await writeFile(path.join('/sys/fs/cgroup', tree, cgroup, 'cgroup.procs'), String(pid));
  }
  child.stdin.write('go\n');
  return {
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

describe.skipIf(missing('root', 'cgroups'))('a machine that is lent', () => {
  it('takes a lease away with what its engine has forgotten in it', async () => {
    const name = `syntropy-test-${process.pid}`;
    await using world = lent(name);
    const { machine } = world;
    await using forgotten = await hog((await machine.openLease(FIRST, 1_000)).parent);

    await machine.closeLease(FIRST);

    expect(forgotten).toBeDefined();
    expect(cgroupsLeft(`${name}/${FIRST}`)).toEqual([]);
  });

  it('says in which of the cgroups of a lease something runs, and ends it', async () => {
    const name = `syntropy-test-${process.pid}`;
    await using world = lent(name);
    const { machine } = world;
    const { parent } = await machine.openLease(FIRST, 1_000);
    const [busy, idle] = ['ab'.repeat(32), 'cd'.repeat(32)];
    for (const tree of ['cpu', 'cpuacct', 'memory', 'pids']) {
      for (const one of [busy, idle]) await mkdir(path.join('/sys/fs/cgroup', tree, parent, one));
    }
    await using forgotten = await hog(`${parent}/${busy}`);
    expect(forgotten).toBeDefined();

    expect(await machine.busyIn(FIRST)).toEqual([busy]);
    await machine.endIn(FIRST, busy);
    await waitFor('its end', async () => (await machine.busyIn(FIRST)).length === 0);
  });

  it(
    'gives the work of all leases together no more than its cap',
    { timeout: 30_000 },
    async () => {
      await using world = lent(`syntropy-test-${process.pid}`);
      const { machine } = world;
      await machine.setCap({ cpuMillis: 500, memoryBytes: 256 << 20 }, new Map());
      const [one, two] = [
        await machine.openLease(FIRST, 1_000),
        await machine.openLease(SECOND, 1_000),
      ];
      {
        await using first = await hog(one.parent);
        await using second = await hog(two.parent);
        expect([first, second]).toHaveLength(2);
        await waitFor('both to work', async () => {
          const used = await Promise.all([FIRST, SECOND].map((lease) => machine.counters(lease)));
          return used.every((counters) => (counters?.cpuMicros ?? 0) > 20_000);
        });
        const [from, before] = [performance.now(), await machine.total()];
        await waitFor('the span to pass', () => performance.now() - from > SPAN_MS);
        const [to, after] = [performance.now(), await machine.total()];
        const cores = ((after?.cpuMicros ?? 0) - (before?.cpuMicros ?? 0)) / 1_000 / (to - from);
        expect(cores).toBeLessThanOrEqual(0.5 * 1.02);
        // They do want more: without the cap this would be no proof of it.
        expect(cores).toBeGreaterThan(0.5 * 0.7);
      }
      await machine.closeLease(FIRST);
      expect(await machine.counters(FIRST)).toBeUndefined();
    },
  );

  it('is lowered beneath what a lease in it was promised, and raised again', async () => {
    const name = `syntropy-test-${process.pid}`;
    await using world = lent(name);
    const { machine } = world;
    const promised = new Map([[FIRST, 1_000]]);
    const memoryBytes = 256 << 20;
    await machine.setCap({ cpuMillis: 1_500, memoryBytes }, new Map());
    const { parent } = await machine.openLease(FIRST, 1_000);
    await using works = await hog(parent);
    expect(works).toBeDefined();
    for (const [cpuMillis, own] of [
      [250, 250],
      [700, 700],
      [2_000, 1_000],
      [0, 10],
      [1_200, 1_000],
    ] as const) {
      await machine.setCap({ cpuMillis, memoryBytes }, promised);
      expect(await quotaOf(name)).toBe(Math.max(cpuMillis, 10) * 100);
      expect(await quotaOf(`${name}/${FIRST}`)).toBe(own * 100);
    }
    // One that is opened under a low cap has what there is.
    await machine.setCap({ cpuMillis: 300, memoryBytes }, promised);
    await machine.openLease(SECOND, 1_000);
    expect(await quotaOf(`${name}/${SECOND}`)).toBe(30_000);
  });
});

/** One whose processor time the cgroup of its lease bounds. */
function underLease(
  image: FoundImage,
  program: Program,
  node: string,
  cgroupParent: string,
): RunSpec {
  const { cpuMillis: _, ...spec } = runSpec(image, program, { node, cgroupParent });
  return spec;
}

async function quotaOf(name: string): Promise<number> {
  return Number(await readFile(path.join(CPU_TREE, name, 'cpu.cfs_quota_us'), 'utf8'));
}

describe.each([
  ['Docker', 'docker', startDocker],
  ['Podman', 'podman', startPodman],
] as const)('what a lease has used on %s', (_, kind, startEngine) => {
  describe.skipIf(missing('root', 'netns', 'cgroups', kind))('is counted', () => {
    const name = `syntropy-test-${process.pid}-${kind}`;
    let engine: TestEngine;
    let runtime: ContainerRuntime;

    beforeAll(async () => {
      engine = await startEngine();
      await engine.importBusybox('local/busybox:1');
      runtime = await openRuntime(engine.socketPath);
    });
    afterAll(async () => {
      runtime.close();
      await engine[Symbol.asyncDispose]();
      await removeCgroups(name);
    });

    it('over restarts and removals, and never goes back', async () => {
      await using world = lent(name);
      const { machine } = world;
      const { signal } = new AbortController();
      const image = await runtime.ensureImage({ ref: 'local/busybox:1', policy: 'never' }, signal);
      await machine.setCap({ cpuMillis: 2_000, memoryBytes: 1 << 30 }, new Map());
      const { parent: cgroupParent } = await machine.openLease(FIRST, 1_000);
      const used = async () => (await machine.counters(FIRST))?.cpuMicros ?? -1;
      const seen = [await used()];
      for (const round of [1, 2]) {
        const works = sh('n=0; while [ $n -lt 20000 ]; do n=$((n+1)); done; sleep 60', {});
        const spec = underLease(image, works, NODE, cgroupParent);
        const { id } = await runtime.create(spec);
        for (const start of [1, 2]) {
          const before = await used();
          await runtime.start(id);
          await waitFor(`work ${round}.${start}`, async () => (await used()) > before + 10_000);
          const { memoryBytes = 0 } = (await machine.counters(FIRST)) ?? {};
          expect(memoryBytes).toBeGreaterThan(0);
          await runtime.stop(id, 0);
          seen.push(await used());
        }
        await runtime.remove(id);
        seen.push(await used());
      }
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
      expect(await used()).toBeGreaterThan(40_000);
      // Podman's minder of a container may outlive it by a moment.
      await waitFor('the cgroup to go', async () => {
        await machine.closeLease(FIRST);
        return cgroupsLeft(`${name}/${FIRST}`).length === 0;
      });
      expect(cgroupsLeft(`${name}/${FIRST}`)).toEqual([]);
    });

    it('and starts again under a cap that was lowered beneath what it was promised', async () => {
      await using world = lent(name);
      const { machine } = world;
      const { signal } = new AbortController();
      const image = await runtime.ensureImage({ ref: 'local/busybox:1', policy: 'never' }, signal);
      const promised = new Map([[SECOND, 1_000]]);
      await machine.setCap({ cpuMillis: 2_000, memoryBytes: 1 << 30 }, promised);
      const { parent } = await machine.openLease(SECOND, 1_000);
      const { id } = await runtime.create(underLease(image, STAYS, NODE, parent));
      await runtime.start(id);
      await machine.setCap({ cpuMillis: 250, memoryBytes: 1 << 30 }, promised);
      await runtime.stop(id, 0);
      await runtime.start(id);
      expect((await runtime.inspect(id)).state).toBe('running');
      expect(await quotaOf(`${name}/${SECOND}`)).toBe(25_000);
      await runtime.stop(id, 0);
      await runtime.remove(id);
      await waitFor('the cgroup to go', async () => {
        await machine.closeLease(SECOND);
        return cgroupsLeft(`${name}/${SECOND}`).length === 0;
      });
    });

    it('in a cgroup of its container where its lease has none', async () => {
      const { signal } = new AbortController();
      const image = await runtime.ensureImage({ ref: 'local/busybox:1', policy: 'never' }, signal);
      const works = sh('n=0; while [ $n -lt 50000 ]; do n=$((n+1)); done; sleep 60', {});
      const { id } = await runtime.create(runSpec(image, works, { node: NODE }));
      await runtime.start(id);
      const { pid = 0 } = await runtime.inspect(id);
      const process = { pid, container: id, lease: FIRST };
      const counters = await waitFor('its work', async () => {
        const now = await containerCounters(process);
        return (now?.cpuMicros ?? 0) > 10_000 ? now : undefined;
      });
      expect(counters.memoryBytes).toBeGreaterThan(0);
      expect(await containerCounters({ ...process, container: 'f'.repeat(64) })).toBeUndefined();
      await runtime.stop(id, 0);
      expect(await containerCounters(process)).toBeUndefined();
      await runtime.remove(id);
    });

    it('in bytes of its own network', async () => {
      const { signal } = new AbortController();
      const image = await runtime.ensureImage({ ref: 'local/busybox:1', policy: 'never' }, signal);
      const serves = sh('exec httpd -f -p 8080 -h /bin', {});
      const ports = [{ host: 18_081, container: 8_080, protocol: 'tcp' as const }];
      const { id } = await runtime.create(runSpec(image, serves, { node: NODE, ports }));
      await runtime.start(id);
      const { pid = 0 } = await runtime.inspect(id);
      const ask = [
        '-sS',
        '-o',
        '/dev/null',
        '-w',
        '%{size_download}',
        'http://127.0.0.1:18081/busybox',
      ];
      const sizeBytes = await waitFor('the port', async () => {
        const before = await interfaceCounters(pid);
        const got = Number(await engine.reach('curl', ...ask).catch(() => '0'));
        const after = await interfaceCounters(pid);
        const sent = (after?.txBytes ?? 0) - (before?.txBytes ?? 0);
        return got > 1_000_000 ? { got, sent } : undefined;
      });
      expect(sizeBytes.sent).toBeGreaterThan(sizeBytes.got);
      expect(sizeBytes.sent).toBeLessThan(sizeBytes.got * 1.2);
      expect(await interfaceCounters(process.pid)).toBeUndefined();
      await runtime.remove(id);
      expect(await interfaceCounters(pid)).toBeUndefined();
    });
  });
});
