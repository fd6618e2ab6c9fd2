import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { AppError } from '../../../src/core/types/errors/app-error.js';
import { assignment, next } from '../../support/assignments.js';
import { MemoryRuntime } from '../../support/memory-runtime.js';
import { waitFor } from '../../support/wait-for.js';
import { connectedNode as connected, shared } from '../../support/work-node.js';

const HEALTH = {
  command: ['probe'],
  intervalMs: 1_000,
  timeoutMs: 500,
  retries: 2,
  startPeriodMs: 0,
};

function running(runtime: MemoryRuntime) {
  return runtime.all().filter(({ state }) => state === 'running');
}

// Goal: what the daemon says runs, and the daemon is told how far it is.
describe('a lease', () => {
  it('runs, and is said to run in its generation', async () => {
    await using node = await connected();
    const web = assignment({ ports: [{ host: 8080, container: 80, protocol: 'tcp' }] });
    node.assign([web]);

    const report = await node.phase(web.lease, 'running');

    expect(report).toMatchObject({ generation: 1, restarts: 0, ports: [{ host: 8080 }] });
    expect(report.digest).toMatch(/^sha256:/);
    expect(node.workReports().at(-1)).toMatchObject({ generation: 1, engine: { kind: 'docker' } });
    expect(running(node.runtime)).toMatchObject([
      { spec: { name: `syntropy-web-1-${web.lease.slice(0, 8)}-${web.specHash.slice(0, 8)}` } },
    ]);
  });

  it('is stopped, started, restarted once, and removed with its volume', async () => {
    await using node = await connected();
    const { runtime } = node;
    const first = assignment({ volumes: [{ source: 'data', target: '/data', readOnly: false }] });
    node.assign([first]);
    await node.phase(first.lease, 'running');
    const stopped = next(first, {}, { desired: 'stopped' });
    node.assign([stopped]);
    await node.phase(first.lease, 'stopped', 2);
    const again = next(stopped, {}, { desired: 'running' });
    node.assign([again]);
    await node.phase(first.lease, 'running', 3);
    node.assign([next(again, {}, { restart: 1 })]);
    await node.phase(first.lease, 'running', 4);
    await waitFor(
      'the restart',
      () => runtime.journal.filter((line) => line.startsWith('start')).length === 3,
    );

    node.assign([], [first.container.id]);
    await node.phase(first.lease, 'ended');

    expect(runtime.journal.map((line) => line.split(' ')[0])).toEqual([
      'pull',
      'create',
      'start',
      'stop',
      'start',
      'stop',
      'start',
      'stop',
      'remove',
      'remove-volume',
    ]);
    expect(runtime.all()).toEqual([]);
    expect(node.workReports().at(-1)).toMatchObject({ generation: 5 });
  });

  it('that ends at once is said to have failed, with its last words, and leaves nothing', async () => {
    const runtime = new MemoryRuntime({
      programs: {
        crash: { says: [{ stream: 'stderr', text: 'no\0 data\u001b[31mbase' }], exits: 3 },
      },
    });
    await using node = await connected({ runtime });
    const web = assignment({ command: ['crash'] });
    node.assign([web]);

    const report = await node.phase(web.lease, 'failed');

    expect(report).toMatchObject({ code: 'CONTAINER_FAILED', lastWords: 'no  data [31mbase' });
    await waitFor('nothing to be left', () => runtime.all().length === 0);
    // And again, after a pause.
    await waitFor('another try', () => runtime.calls.create === 2);
  });

  it('that an engine starts again at once, over and over, is not said to run', async () => {
    const runtime = new MemoryRuntime();
    await using node = await connected({ runtime });
    // By then all has been looked at once for what the engine tells, which is not done again soon.
    const other = assignment({}, { name: 'other' });
    node.assign([other]);
    await node.phase(other.lease, 'running');
    const otherId = runtime.all()[0]?.id;
    const looped = new Set<string>();
    runtime.before = (call, about) => {
      if (call === 'inspect' && about !== otherId) looped.add(about);
      if (call !== 'list') return;
      for (const id of looped) runtime.exitContainer(id, 3);
      looped.clear();
    };
    const web = assignment({ command: ['loop'] });
    node.assign([other, web]);

    const report = await node.phase(web.lease, 'failed');

    expect(report).toMatchObject({ code: 'CONTAINER_FAILED', failures: 1 });
    expect(node.reports(web.lease).map(({ phase }) => phase)).not.toContain('running');
  });

  it.each([
    ['ensureImage', 'REGISTRY_DENIED', 'REGISTRY_DENIED'],
    ['ensureImage', 'INPUT_INVALID', 'CONTAINER_IMAGE_NOT_FOUND'],
    ['create', 'DISK_FULL', 'DISK_FULL'],
    ['start', 'PORT_TAKEN', 'PORT_TAKEN'],
    ['start', 'CONTAINER_START_FAILED', 'CONTAINER_START_FAILED'],
  ] as const)(
    'whose %s fails with %s is said to have, and leaves nothing',
    async (call, code, told) => {
      const runtime = new MemoryRuntime();
      runtime.failNext(call, code);
      await using node = await connected({ runtime });
      const web = assignment();
      node.assign([web]);

      const report = await node.phase(web.lease, 'failed');

      expect(report).toMatchObject({ code: told, generation: 1 });
      expect(runtime.all()).toEqual([]);
      await node.phase(web.lease, 'running');
    },
  );

  it('that is to run once is said to have ended, and is left alone', async () => {
    const runtime = new MemoryRuntime({ programs: { job: { exits: 4 } } });
    await using node = await connected({ runtime });
    const job = assignment({ command: ['job'], restart: 'no' });
    node.assign([job]);

    const report = await node.phase(job.lease, 'exited');

    expect(report).toMatchObject({ exitCode: 4, code: 'CONTAINER_FAILED' });
    expect(runtime.calls.start).toBe(1);
  });

  it('that is unhealthy is said to be, and healthy again', async () => {
    const runtime = new MemoryRuntime();
    let exits = 0;
    runtime.onExec = () => ({ exits });
    await using node = await connected({ runtime });
    const web = assignment({ health: HEALTH });
    node.assign([web]);
    await node.phase(web.lease, 'running');

    exits = 1;
    const report = await node.phase(web.lease, 'unhealthy');
    exits = 0;
    await node.until(web.lease, ({ phase, code }) => phase === 'running' && code === undefined);

    expect(report.code).toBe('CONTAINER_UNHEALTHY');
    expect(runtime.calls.start).toBe(1);
  });
});

// Goal: an update costs nothing that worked.
describe('an update', () => {
  it('starts the new one first, and the old one goes when that is healthy', async () => {
    await using node = await connected();
    const first = assignment({ health: HEALTH });
    node.assign([first]);
    await node.phase(first.lease, 'running');
    const second = next(first, { image: 'registry.test/app:2' });
    node.assign([second]);

    const report = await node.until(
      first.lease,
      ({ phase, generation, specHash }) => phase === 'running' && generation === 2 && !specHash,
    );
    await waitFor('the old one to go', () => node.runtime.all().length === 1);

    expect(report.code).toBeUndefined();
    const kinds = node.runtime.journal.map((line) => line.split(' ')[0]);
    expect(kinds.slice(3)).toEqual(['pull', 'create', 'start', 'stop', 'remove']);
  });

  it('is said with the digest of its own image, and meanwhile with none', async () => {
    await using node = await connected();
    const first = assignment();
    node.assign([first]);
    const { digest: old } = await node.phase(first.lease, 'running');
    const pull = Promise.withResolvers<void>();
    node.runtime.before = (call) => (call === 'ensureImage' ? pull.promise : undefined);
    node.assign([next(first, { image: 'registry.test/app:2' })]);

    const pulling = await node.until(first.lease, ({ generation }) => generation === 2);
    pull.resolve();
    const up = await node.until(
      first.lease,
      ({ phase, generation, specHash }) => phase === 'running' && generation === 2 && !specHash,
    );

    expect(pulling.digest).toBeUndefined();
    expect(up.digest).toMatch(/^sha256:/);
    expect(up.digest).not.toBe(old);
  });

  it.each([
    ['start-first', 0],
    ['stop-first', 1],
  ] as const)(
    '%s whose new one ends is taken back, and not tried again',
    async (updateOrder, starts) => {
      const runtime = new MemoryRuntime({
        programs: { crash: { says: [{ stream: 'stdout', text: 'oh no' }], exits: 1 } },
      });
      await using node = await connected({ runtime });
      const first = assignment({ updateOrder });
      node.assign([first]);
      await node.phase(first.lease, 'running');
      const [old] = runtime.all();
      node.assign([next(first, { command: ['crash'] })]);

      const report = await node.until(
        first.lease,
        ({ code, phase }) => code === 'CONTAINER_ROLLED_BACK' && phase === 'running',
      );

      expect(report).toMatchObject({ generation: 2, specHash: first.specHash, lastWords: 'oh no' });
      await waitFor('the new one to go', () => runtime.all().length === 1);
      expect(runtime.all()[0]?.id).toBe(old?.id);
      const name = old?.spec.name;
      expect(runtime.journal.filter((line) => line === `start ${name}`)).toHaveLength(1 + starts);
      expect(runtime.calls.create).toBe(2);
    },
  );

  it('whose new one cannot be started any more is made anew, and is no failure', async () => {
    await using node = await connected();
    const first = assignment();
    node.assign([first]);
    await node.phase(first.lease, 'running');
    node.runtime.failNext('start', 'RUNTIME_CONFLICT');
    const second = next(first, { env: { REV: '2' } });
    node.assign([second]);

    const report = await node.until(
      first.lease,
      ({ generation, phase }) => generation === 2 && phase === 'running',
    );

    expect(report.code).toBeUndefined();
    expect(node.runtime.calls.create).toBe(3);
    expect(node.runtime.all()).toHaveLength(1);
  });

  it('whose image is not there stops nothing', async () => {
    await using node = await connected();
    const first = assignment({ updateOrder: 'stop-first' });
    node.assign([first]);
    await node.phase(first.lease, 'running');
    node.runtime.failNextPull('CONTAINER_IMAGE_NOT_FOUND');
    node.assign([next(first, { image: 'registry.test/gone:1' })]);

    await node.until(first.lease, ({ code }) => code === 'CONTAINER_ROLLED_BACK');

    expect(node.runtime.calls.stop).toBe(0);
  });
});

// Goal: whatever goes away and comes back, what runs is left alone.
describe('what outlives what', () => {
  it('the work goes on without a daemon, also after the machine started anew', async () => {
    await using node = await connected();
    const web = assignment();
    node.assign([web]);
    await node.phase(web.lease, 'running');
    await node.stop();
    node.runtime.rebootMachine();

    await node.start();

    await waitFor('it to run again', () => running(node.runtime).length === 1);
    expect(node.runtime.calls.create).toBe(1);
  });

  it('an engine that is away is no failure of a container', async () => {
    await using node = await connected();
    const web = assignment();
    node.assign([web]);
    await node.phase(web.lease, 'running');
    const before = node.reports(web.lease).length;

    node.runtime.loseEngine();
    await waitFor('it to be missed', () => node.workReports().at(-1)?.engineProblem !== undefined);
    node.runtime.findEngine();
    await waitFor('it to be back', () => node.workReports().at(-1)?.engine !== undefined);

    expect(
      node
        .reports(web.lease)
        .slice(before)
        .map(({ phase }) => phase),
    ).not.toContain('failed');
    expect(node.runtime.calls.start).toBe(1);
  });

  it('an engine may come later', async () => {
    const runtime = new MemoryRuntime();
    let isThere = false;
    const source = () =>
      isThere
        ? Promise.resolve(shared(runtime))
        : Promise.reject(new AppError('ENGINE_MISSING', 'There is no container engine.'));
    await using node = await connected({ runtime, source });
    const web = assignment();
    node.assign([web]);
    const problem = await waitFor('the problem', () => node.workReports().at(-1)?.engineProblem);
    isThere = true;

    await node.phase(web.lease, 'running');

    expect(problem).toContain('apt-get install docker.io');
  });

  it('a damaged file removes nothing, and is made good by the daemon', async () => {
    await using node = await connected();
    const web = assignment();
    node.assign([web]);
    await node.phase(web.lease, 'running');
    await node.stop();
    await writeFile(path.join(node.directory, 'work.json'), '{"version":1,"gener');
    await node.start();
    await waitFor('a look', () => node.runtime.calls.list > 0);
    node.frames.length = 0;

    node.connect();
    await node.phase(web.lease, 'running');

    expect(node.log.join('\n')).toContain('damaged');
    expect(await readdir(node.directory)).toContain('work.json.damaged');
    expect(node.runtime.calls).toMatchObject({ create: 1, start: 1, stop: 0, remove: 0 });
  });

  it('secrets lie in files that only the container is handed, and go with the lease', async () => {
    await using node = await connected();
    const secrets = [{ name: 'key', base64: Buffer.from('s3cret').toString('base64') }];
    const web = assignment({ secrets: [{ name: 'key' }] }, { secrets });
    node.assign([web]);
    await node.phase(web.lease, 'running');
    const [mount] = node.runtime.all()[0]?.spec.mounts.filter(({ kind }) => kind === 'bind') ?? [];
    const file = mount?.kind === 'bind' ? mount.source : '';

    expect(mount?.target).toBe('/run/secrets/key');
    expect(await readFile(file, 'utf8')).toBe('s3cret');
    expect((await stat(path.dirname(file))).mode & 0o777).toBe(0o700);
    expect((await stat(file)).mode & 0o777).toBe(0o444);
    expect(await readFile(path.join(node.directory, 'work.json'), 'utf8')).not.toContain(
      'czNjcmV0',
    );

    node.assign([]);
    await node.phase(web.lease, 'ended');
    await waitFor(
      'the secret to go',
      async () => (await readdir(path.join(node.directory, 'secrets'))).length === 0,
    );
  });
});

// Goal: a node with nothing to do costs its engine next to nothing.
describe('a look at what is as it is to be', () => {
  it('is one list and nothing else', async () => {
    await using node = await connected();
    const all = Array.from({ length: 20 }, () => assignment());
    node.assign(all);
    for (const { lease } of all) await node.phase(lease, 'running');
    await node.stop();
    await node.start();
    await waitFor('all to be looked at', () => node.runtime.calls.inspect >= 20);
    await waitFor('a quiet moment', () => node.runtime.calls.list > 0);
    const before = { ...node.runtime.calls };

    node.connect();
    // Told anew that nothing is otherwise, it looks at most once more.
    await waitFor('all reports', () => node.workReports().at(-1)?.engine !== undefined);

    const { list, inspect, ...rest } = node.runtime.calls;
    expect(inspect).toBe(before.inspect);
    expect(list - before.list).toBeLessThanOrEqual(1);
    expect(rest).toMatchObject({ create: 20, start: 20, stop: 0, remove: 0 });
  });
});
