import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { median } from '../bench-statistics.mjs';
import { loadSource } from '../load-source.mjs';
import { heldOf, openFleet } from './fleet.mjs';
import { IDLE, IMAGE, kernelCpuMicros, row, timedRounds } from './measure.mjs';

const STARTS = 21;
const CONTAINERS = 50;
const LOOKS = 60;
const TICKS = 60;
const BUSY = 2;
const BUSY_MS = 6_000;
const LEAST_BUSY_MICROS = 100_000;

/** What the parts of an agent cost beside the engine that they drive: each row is added as soon as it is there. */
export async function agentRows({ engine, docker, made, cgroups, add }) {
  const node = randomUUID();
  const name = `syntropy-bench-${node.slice(0, 8)}`;
  const { openRuntime } = await loadSource('src/core/platform/common/engine/open-runtime.ts');
  const { hostLentMachine } = await loadSource('src/core/platform/linux/lent-machine.ts');
  cgroups.push(name);
  const runtime = await openRuntime(engine.socketPath);
  made.defer(() => runtime.close());
  const lent = hostLentMachine(name, await runtime.facts());
  const parts = { node, name, runtime, lent, docker };
  add(await startRow(parts));

  const directory = await mkdtemp(path.join(os.tmpdir(), 'syntropy-bench-'));
  made.defer(() => rm(directory, { recursive: true, force: true }));
  const fleet = await openFleet({ ...parts, directory, count: CONTAINERS });
  const stop = new AbortController();
  const ended = fleet.reconciler.run(stop.signal);
  const end = async () => {
    stop.abort();
    await ended;
    await fleet.close();
  };
  made.defer(end);
  await fleet.allUp();
  for (const found of await lookRows(fleet, parts)) add(found);
  for (const found of await tickRows(fleet, parts)) add(found);
  await end();
  await docker('rm', '-f', ...fleet.running().map(({ container }) => container));
}

async function startRow({ node, runtime, lent, docker }) {
  const { runSpec } = await loadSource('src/agent/work/run-spec.ts');
  const { id: imageId } = await runtime.ensureImage(
    { ref: IMAGE, policy: 'never' },
    new AbortController().signal,
  );
  const remove = async (id) => docker('rm', '-f', id);
  const times = await timedRounds(STARTS, {
    bare: { take: () => docker('run', '-d', IMAGE, ...IDLE), clear: remove },
    agent: {
      async take() {
        const held = heldOf(IDLE);
        const cgroup = await lent?.openLease(held.lease, held.spec.cpuMillis);
        const here = { node, imageId, binds: new Map(), secrets: new Map(), cgroup };
        const { id } = await runtime.create(runSpec(held, here));
        await runtime.start(id);
        return id;
      },
      clear: remove,
    },
  });
  const [bare, agent] = [median(times.bare), median(times.agent)];
  return row('create and start, hardened / docker run -d', agent / bare, 'x', bare, 1.1);
}

async function lookRows({ calls, reconciler, roundEnded, quiet }, { node, runtime }) {
  await quiet();
  const counts = [];
  const times = await timedRounds(LOOKS, {
    bare: { take: () => runtime.list(node) },
    look: {
      async take() {
        calls.length = 0;
        const ended = roundEnded();
        reconciler.wake();
        await ended;
      },
      clear: () => void counts.push([...calls]),
    },
  });
  const most = (of) => Math.max(...counts.map((all) => all.filter(of).length));
  const least = Math.min(...counts.map((all) => all.filter((call) => call === 'list').length));
  const [bare, look] = [median(times.bare), median(times.look)];
  const what = `a look at ${CONTAINERS} that finds nothing to do`;
  const lists = row(
    `${what}, lists`,
    most((call) => call === 'list'),
    'calls',
    1,
    1,
  );
  return [
    // None at all would be no look.
    { ...lists, pass: lists.pass && least === 1 },
    row(
      `${what}, other calls`,
      most((call) => call !== 'list'),
      'calls',
      0,
      0,
    ),
    row(`${what} / a bare list`, look / bare, 'x', bare, 3),
  ];
}

async function tickRows({ meter, recorded, running }, { docker, name }) {
  const times = await timedRounds(TICKS, { tick: { take: () => meter.sample() } });
  const busy = running().slice(0, BUSY);
  const words = ['timeout', String(BUSY_MS / 1_000), '/bin/sh', '-c', 'while :; do :; done'];
  for (const { container } of busy) await docker('exec', '-d', container, ...words);
  await pause(BUSY_MS / 2);
  const off = [];
  for (const { lease } of busy) {
    await meter.sample();
    await meter.record([lease]);
    const kernel = kernelCpuMicros(path.join(name, lease));
    if (kernel < LEAST_BUSY_MICROS) throw new Error('What was to be busy was not.');
    off.push((Math.abs(recorded(lease) - kernel) / kernel) * 100);
  }
  return [
    row(`a tick of the meter over ${CONTAINERS}`, median(times.tick), 'ms', 0, 20),
    row('processor time recorded, off the kernel’s counter', Math.max(...off), '%', 0, 1),
  ];
}
