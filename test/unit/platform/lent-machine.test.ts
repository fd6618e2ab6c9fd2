import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { parseCgroupMounts } from '../../../src/core/platform/linux/cgroup-files.js';
import { containerCounters } from '../../../src/core/platform/linux/container-counters.js';
import { interfaceCounters } from '../../../src/core/platform/linux/interface-counters.js';
import { lentMachineAt } from '../../../src/core/platform/linux/lent-machine.js';
import { scratchFolder } from '../../support/scratch.js';

const LEASE = '0b6d2b5e-8f55-4b57-9d4e-53a3f3a2c9d1';
const CAP = { cpuMillis: 1_500, memoryBytes: 1 << 30 };

/** Plants a tree: what a kernel would make by itself has to be there first. */
async function plant(root: string, files: Readonly<Record<string, string>>) {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), text);
  }
}

describe('cgroups of version 1', () => {
  const v1 = { cgroup: 'v1', cgroupDriver: 'cgroupfs' } as const;
  const open = (root: string) =>
    lentMachineAt('syntropy', v1, {
      unified: undefined,
      controllers: new Map(
        ['cpu', 'cpuacct', 'memory', 'pids', 'devices'].map((name) => [
          name,
          path.join(root, name),
        ]),
      ),
    });

  it('have the cap on the parent, and a child for each lease', async () => {
    await using folder = await scratchFolder();
    const root = folder.path;
    await plant(root, { 'memory/syntropy/memory.limit_in_bytes': '9223372036854771712\n' });
    const machine = open(root);
    await machine?.setCap(CAP, new Map());
    expect(await machine?.openLease(LEASE, 1_000)).toEqual({
      parent: `/syntropy/${LEASE}`,
      holdsCpu: true,
    });
    const text = (name: string) => readFile(path.join(root, name), 'utf8');
    expect(await text('cpu/syntropy/cpu.cfs_quota_us')).toBe('150000');
    expect(await text('cpu/syntropy/cpu.cfs_period_us')).toBe('100000');
    expect(await text('memory/syntropy/memory.limit_in_bytes')).toBe(String(1 << 30));
    await plant(root, {
      [`cpuacct/syntropy/${LEASE}/cpuacct.usage`]: '1234567890\n',
      [`memory/syntropy/${LEASE}/memory.usage_in_bytes`]: '4096\n',
      'cpuacct/syntropy/cpuacct.usage': '9999999999999\n',
    });
    expect(await machine?.counters(LEASE)).toEqual({ cpuMicros: 1_234_567, memoryBytes: 4_096 });
    expect(await machine?.total()).toEqual({ cpuMicros: 9_999_999_999, memoryBytes: 0 });
    expect(await machine?.counters('nobody')).toBeUndefined();
    expect(await machine?.counters('..')).toBeUndefined();
  });

  it('are lowered and raised past a lease that goes meanwhile', async () => {
    await using folder = await scratchFolder();
    const machine = open(folder.path);
    await machine?.setCap(CAP, new Map());
    await machine?.openLease(LEASE, 1_000);
    // It is listed, and then there is no file to be written: as when an engine has just taken it away.
    await rm(folder.file(`cpu/syntropy/${LEASE}/cpu.cfs_period_us`));
    await symlink(
      folder.file('nowhere/at/all'),
      folder.file(`cpu/syntropy/${LEASE}/cpu.cfs_period_us`),
    );

    await machine?.setCap({ ...CAP, cpuMillis: 500 }, new Map([[LEASE, 1_000]]));

    expect(await readFile(folder.file('cpu/syntropy/cpu.cfs_quota_us'), 'utf8')).toBe('50000');
  });

  it.each([
    ['limit first where it is lowered', 1 << 20],
    ['memory and swap first where it is raised', 2 ** 40],
  ])('change the %s', async (_, memoryBytes) => {
    await using folder = await scratchFolder();
    await plant(folder.path, {
      'memory/syntropy/memory.limit_in_bytes': String(1 << 28),
      'memory/syntropy/memory.memsw.limit_in_bytes': String(1 << 28),
    });
    await open(folder.path)?.setCap({ cpuMillis: 1_000, memoryBytes }, new Map());
    for (const file of ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes']) {
      const text = await readFile(folder.file(`memory/syntropy/${file}`), 'utf8');
      expect(text).toBe(String(memoryBytes));
    }
  });

  it('are taken away with the lease in every tree, and stay where something is in them', async () => {
    await using folder = await scratchFolder();
    const machine = open(folder.path);
    await machine?.openLease(LEASE, 1_000);
    // As an engine does, with what it puts in there.
    await plant(folder.path, { [`devices/syntropy/${LEASE}/container/cgroup.procs`]: '1\n' });
    await mkdir(folder.file(`pids/syntropy/${LEASE}/left-by-an-engine`));
    await machine?.closeLease(LEASE);
    expect(await machine?.counters(LEASE)).toBeUndefined();
    await expect(mkdir(folder.file(`pids/syntropy/${LEASE}`))).resolves.toBeUndefined();
    await expect(mkdir(folder.file(`devices/syntropy/${LEASE}`))).rejects.toThrow('EEXIST');
  });
});

// A lease's id may come from the label of an image that anybody made. None here leads out of the test's own folder, should it be followed.
describe.each([
  ['1', 'v1', 'cpu/syntropy'],
  ['2', 'v2', 'syntropy'],
] as const)('a lease that is no id, in version %s,', (_, cgroup, parent) => {
  it.each(['', '.', '..', '../..', `${LEASE}/..`, 'first'])(
    '%j is neither opened nor ended',
    async (lease) => {
      await using folder = await scratchFolder();
      const root = folder.file('a/cgroups');
      await plant(root, { 'cgroup.controllers': 'cpu memory pids\n' });
      await mkdir(path.join(root, parent, LEASE), { recursive: true });
      await mkdir(folder.file('a/other'));
      const trees = ['cpu', 'cpuacct', 'memory', 'pids'] as const;
      const machine = lentMachineAt(
        'syntropy',
        { cgroup, cgroupDriver: 'cgroupfs' },
        {
          unified: cgroup === 'v2' ? root : undefined,
          controllers: new Map(trees.map((name) => [name, path.join(root, name)])),
        },
      );
      const refusal = expect.objectContaining({ code: 'INPUT_INVALID' });

      await expect(machine?.closeLease(lease)).rejects.toEqual(refusal);
      await expect(machine?.openLease(lease, 1_000)).rejects.toEqual(refusal);

      expect(await readdir(folder.file('a'))).toEqual(['cgroups', 'other']);
      expect(await readdir(path.join(root, parent))).toEqual([LEASE]);
    },
  );
});

const slices = (root: string, cgroupDriver: 'cgroupfs' | 'systemd') =>
  lentMachineAt(
    'syntropy-1a2b',
    { cgroup: 'v2', cgroupDriver },
    { unified: root, controllers: new Map() },
  );

describe('cgroups of version 2', () => {
  it('have the cap, and the controllers of what is in them', async () => {
    await using folder = await scratchFolder();
    await plant(folder.path, { 'cgroup.controllers': 'cpuset cpu io memory pids\n' });
    const machine = slices(folder.path, 'cgroupfs');
    await machine?.setCap(CAP, new Map());
    expect(await machine?.openLease(LEASE, 1_000)).toEqual({
      parent: `/syntropy-1a2b/${LEASE}`,
      holdsCpu: false,
    });
    const text = (name: string) => readFile(folder.file(name), 'utf8');
    expect(await text('syntropy-1a2b/cpu.max')).toBe('150000 100000');
    expect(await text('syntropy-1a2b/memory.max')).toBe(String(1 << 30));
    expect(await text('cgroup.subtree_control')).toBe('+cpu +memory +pids');
    expect(await text('syntropy-1a2b/cgroup.subtree_control')).toBe('+cpu +memory +pids');
    await plant(folder.path, {
      [`syntropy-1a2b/${LEASE}/cpu.stat`]: 'usage_usec 777\nuser_usec 1\n',
      [`syntropy-1a2b/${LEASE}/memory.current`]: '8192\n',
    });
    expect(await machine?.counters(LEASE)).toEqual({ cpuMicros: 777, memoryBytes: 8_192 });
  });

  it('are slices where systemd makes them, whose names hold their path', async () => {
    await using folder = await scratchFolder();
    await plant(folder.path, { 'cgroup.controllers': 'cpu memory pids\n' });
    const slice = `syntropy_1a2b-${LEASE.replaceAll('-', '_')}.slice`;
    const machine = slices(folder.path, 'systemd');
    expect(await machine?.openLease(LEASE, 1_000)).toEqual({ parent: slice, holdsCpu: false });
    await plant(folder.path, { [`syntropy_1a2b.slice/${slice}/cpu.stat`]: 'usage_usec 5\n' });
    expect(await machine?.counters(LEASE)).toEqual({ cpuMicros: 5, memoryBytes: 0 });
  });

  it('without a controller that is needed are none', async () => {
    await using folder = await scratchFolder();
    await plant(folder.path, { 'cgroup.controllers': 'cpu memory\n' });
    expect(slices(folder.path, 'cgroupfs')).toBeUndefined();
  });
});

describe('a machine', () => {
  const mounts = { unified: undefined, controllers: new Map([['cpu', '/nowhere']]) };

  it.each([
    ['whose engine has no cgroups', { cgroup: 'none', cgroupDriver: 'cgroupfs' }, 'syntropy'],
    ['that lacks a controller', { cgroup: 'v1', cgroupDriver: 'cgroupfs' }, 'syntropy'],
    ['with slices of version 1', { cgroup: 'v1', cgroupDriver: 'systemd' }, 'syntropy'],
    ['under a name that is a path', { cgroup: 'v1', cgroupDriver: 'cgroupfs' }, '../x'],
  ] as const)('%s cannot be lent with a cap', (_, facts, name) => {
    expect(lentMachineAt(name, facts, mounts)).toBeUndefined();
  });

  it('has its cgroups where they are mounted', () => {
    const text = [
      '35 24 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct',
      '36 24 0:31 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory',
      '37 24 0:32 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw',
      'broken',
    ].join('\n');
    const { unified, controllers } = parseCgroupMounts(text);
    expect(unified).toBe('/sys/fs/cgroup/unified');
    expect(controllers.get('cpuacct')).toBe('/sys/fs/cgroup/cpu,cpuacct');
    expect(controllers.get('memory')).toBe('/sys/fs/cgroup/memory');
  });
});

const trees = (folder: { file(name: string): string }) => ({
  unified: folder.file('unified'),
  controllers: new Map(['cpuacct', 'memory'].map((name) => [name, folder.file(name)])),
});

describe('the counters of a container in no cgroup of its lease', () => {
  const container = 'c0ffee'.repeat(10);
  const of = { pid: 42, container, lease: LEASE };

  it('are those that its engine has made for it, in version 1', async () => {
    await using folder = await scratchFolder();
    await plant(folder.path, {
      'proc/42/cgroup': [
        `9:cpu,cpuacct:/system.slice/docker-${container}.scope`,
        `8:memory:/system.slice/docker-${container}.scope`,
        `0::/system.slice/docker-${container}.scope`,
        '',
      ].join('\n'),
      [`cpuacct/system.slice/docker-${container}.scope/cpuacct.usage`]: '5000999\n',
      [`memory/system.slice/docker-${container}.scope/memory.usage_in_bytes`]: '8192\n',
    });

    const counters = await containerCounters(of, folder.file('proc'), trees(folder));

    expect(counters).toEqual({ cpuMicros: 5_000, memoryBytes: 8_192 });
  });

  it('are of all that is below, in version 2', async () => {
    await using folder = await scratchFolder();
    const scope = `user.slice/libpod-${container}.scope`;
    await plant(folder.path, {
      'proc/42/cgroup': `0::/${scope}/container\n`,
      [`unified/${scope}/cpu.stat`]: 'usage_usec 77\n',
      [`unified/${scope}/memory.current`]: '4096\n',
    });

    const counters = await containerCounters(of, folder.file('proc'), trees(folder));

    expect(counters).toEqual({ cpuMicros: 77, memoryBytes: 4_096 });
  });

  it.each([
    ['another process that has its number by now', '/user.slice/session-1.scope'],
    ['one in the cgroup of its lease, where it is counted', `/syntropy-1/${LEASE}/${container}`],
    [
      'one in the slice of its lease',
      `/s.slice/s-${LEASE.replaceAll('-', '_')}.slice/docker-${container}.scope`,
    ],
  ])('are not those of %s', async (_, at) => {
    await using folder = await scratchFolder();
    await plant(folder.path, {
      'proc/42/cgroup': `0::${at}\n`,
      [`unified${at}/cpu.stat`]: 'usage_usec 77\n',
    });

    expect(await containerCounters(of, folder.file('proc'), trees(folder))).toBeUndefined();
    expect(
      await containerCounters({ ...of, pid: 43 }, folder.file('proc'), trees(folder)),
    ).toBeUndefined();
  });
});

describe('the counters of a network', () => {
  it('are of all cards but the loopback, and of no network of the machine’s own', async () => {
    await using folder = await scratchFolder();
    const dev = [
      'Inter-|   Receive                    |  Transmit',
      ' face |bytes    packets errs drop fifo frame compressed multicast|bytes packets',
      '    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0',
      '  eth0: 100 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0',
      '  eth1: 10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0',
    ].join('\n');
    for (const [pid, net] of [
      ['self', 'net:[1]'],
      ['41', 'net:[1]'],
      ['42', 'net:[2]'],
    ] as const) {
      await plant(folder.path, { [`${pid}/net/dev`]: dev });
      await mkdir(folder.file(`${pid}/ns`));
      await symlink(net, folder.file(`${pid}/ns/net`));
    }
    expect(await interfaceCounters(42, folder.path)).toEqual({
      namespace: 'net:[2]',
      rxBytes: 110,
      txBytes: 220,
    });
    expect(await interfaceCounters(41, folder.path)).toBeUndefined();
    expect(await interfaceCounters(43, folder.path)).toBeUndefined();
  });
});
