import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { lentMachineAt } from '../../../src/core/platform/linux/lent-machine.js';
import { AppError } from '../../../src/core/types/errors/app-error.js';
import { assignment, next } from '../../support/assignments.js';
import { MemoryRuntime } from '../../support/memory-runtime.js';
import { scratchFolder } from '../../support/scratch.js';
import { waitFor } from '../../support/wait-for.js';
import { workNode } from '../../support/work-node.js';

const OFFER = { cpuMillis: 2_000, memoryBytes: 1 << 30 };
const NAME = 'syntropy';
const CONTROLLERS = ['cpu', 'cpuacct', 'memory', 'pids'] as const;

/** The cgroups of version 1, as files in a folder: what is written to them can be read, and a kernel that refuses something is a folder in its place. */
async function cgroups() {
  const folder = await scratchFolder();
  const machine = lentMachineAt(
    NAME,
    { cgroup: 'v1', cgroupDriver: 'cgroupfs' },
    {
      unified: undefined,
      controllers: new Map(CONTROLLERS.map((name) => [name, folder.file(name)])),
    },
  );
  if (!machine) throw new Error('There is no such machine.');
  const number = async (file: string) =>
    Number(await readFile(folder.file(file), 'utf8').catch(() => '-1'));
  return {
    machine,
    file: (name: string) => folder.file(name),
    /** Of a lease, in thousandths of a core. */
    quota: async (lease: string) => (await number(`cpu/${NAME}/${lease}/cpu.cfs_quota_us`)) / 100,
    cap: async () => (await number(`cpu/${NAME}/cpu.cfs_quota_us`)) / 100,
    memory: () => number(`memory/${NAME}/memory.limit_in_bytes`),
    /** The machine starts anew, and an engine runs a container of the lease before anybody has said what it may have. */
    restart: async (lease: string) => {
      for (const name of CONTROLLERS) {
        await rm(folder.file(name), { recursive: true, force: true });
        await mkdir(folder.file(`${name}/${NAME}/${lease}/container`), { recursive: true });
      }
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const FAILS = { args: ['fails'] };
const failing = () => new MemoryRuntime({ programs: { fails: { exits: 3 } } });

// Goal: what a lease may use of the processor is what its revision says, whatever was tried in between.
describe('the share of a lease in the processor', () => {
  it.each(['start-first', 'stop-first'] as const)(
    'is that of the good revision after one that failed (%s)',
    async (updateOrder) => {
      await using kernel = await cgroups();
      await using node = await workNode({ runtime: failing(), lent: kernel.machine });
      await (await node.start()).lend(OFFER);
      node.connect();
      const good = assignment({ cpuMillis: 1_000, updateOrder });
      node.assign([good]);
      await node.phase(good.lease, 'running');
      expect(await kernel.quota(good.lease)).toBe(1_000);

      node.assign([next(good, { cpuMillis: 100, ...FAILS })]);
      await node.until(good.lease, ({ specHash }) => specHash === good.specHash);

      await node.phase(good.lease, 'running', 2);
      expect(await kernel.quota(good.lease)).toBe(1_000);
    },
  );

  it('is not lowered under the old one before the new one has come up', async () => {
    await using kernel = await cgroups();
    await using node = await workNode({ lent: kernel.machine });
    await (await node.start()).lend(OFFER);
    node.connect();
    const old = assignment({ cpuMillis: 1_000, updateOrder: 'start-first' });
    node.assign([old]);
    await node.phase(old.lease, 'running');
    const smaller = next(old, { cpuMillis: 300 });
    node.assign([smaller]);
    await waitFor('both to run', () => {
      const live = node.runtime.all().filter(({ state }) => state === 'running');
      return live.length === 2;
    });
    expect(await kernel.quota(old.lease)).toBe(1_000);

    await node.phase(old.lease, 'running', 2);

    await waitFor('its own share', async () => (await kernel.quota(old.lease)) === 300);
  });

  it('is there after a start of the machine before an engine has answered, or a daemon', async () => {
    await using kernel = await cgroups();
    await using node = await workNode({ lent: kernel.machine });
    await (await node.start()).lend(OFFER);
    node.connect();
    const [web, other] = [assignment({ cpuMillis: 700 }), assignment({ cpuMillis: 400 })];
    node.assign([web, other]);
    await node.phase(web.lease, 'running');
    await node.phase(other.lease, 'running');
    await node.stop();
    await kernel.restart(web.lease);
    expect(await kernel.quota(web.lease)).toBeLessThan(0);

    const work = await node.start(() =>
      Promise.reject(new AppError('ENGINE_UNREACHABLE', 'It is not up yet.')),
    );
    await work.lend(OFFER);

    expect(await kernel.cap()).toBe(2_000);
    expect(await kernel.quota(web.lease)).toBe(700);
    // Of what the engine has not started yet, too.
    expect(await kernel.quota(other.lease)).toBe(400);
  });
});

// Goal: the offer is the limit, sooner or later, whatever stood in the way or changed it.
describe('an offer', () => {
  it('that could not be kept to is kept to when it can be', async () => {
    await using kernel = await cgroups();
    await using node = await workNode({ lent: kernel.machine });
    const work = await node.start();
    node.connect();
    const web = assignment();
    node.assign([web]);
    await node.phase(web.lease, 'running');
    // A folder where there is to be a file: the kernel refuses.
    await mkdir(kernel.file(`memory/${NAME}/memory.limit_in_bytes/full`), { recursive: true });
    await work.lend(OFFER);
    expect(node.log.join('\n')).toContain('could not be made a limit');
    await rm(kernel.file(`memory/${NAME}/memory.limit_in_bytes`), { recursive: true });

    await waitFor('the limit', async () => (await kernel.memory()) === OFFER.memoryBytes, 20_000);
    await waitFor('the word of it', () =>
      node.log.join('\n').includes('a limit of this machine again'),
    );
  });

  it('is set again where somebody else has changed it, when a container was started', async () => {
    await using kernel = await cgroups();
    await using node = await workNode({ lent: kernel.machine });
    await (await node.start()).lend(OFFER);
    node.connect();
    const web = assignment();
    // As systemd does with a slice that it is told of for the first time.
    node.runtime.before = async (call) => {
      if (call === 'start') await writeFile(kernel.file(`cpu/${NAME}/cpu.cfs_quota_us`), '-1');
    };
    node.assign([web]);

    await node.phase(web.lease, 'running');
    expect(node.runtime.calls.start).toBe(1);

    await waitFor('the cap', async () => (await kernel.cap()) === OFFER.cpuMillis);
  });
});
