import { setTimeout as pause } from 'node:timers/promises';

import { median } from '../bench-statistics.mjs';
import { NODE, until } from './grid.mjs';
import {
  counted,
  IDLE,
  IMAGE,
  kernelCpuCap,
  kernelCpuMicros,
  row,
  rssOf,
  timedRounds,
} from './measure.mjs';

const MIB = 1 << 20;
const DEPLOYS = 15;
const AT_ONCE = 20;
const AT_ONCE_ROUNDS = 3;
const LOG_ROUNDS = 5;
/** A log keeps thirty megabytes as the engine writes them: 300,000 lines of 20 MB are two of them. */
const LOGS = 2;
const LOG_LINES = 150_000;
const LINE = 'x'.repeat(57);
const HOG_MS = 8_000;
const HOGS_CAP = 0.5;
const IDLE_MS = 20_000;

/** What it costs through the whole grid: the command, the daemon, and an agent. Each row is added as soon as it is there. */
export async function gridRows({ add, ...parts }) {
  for (const measured of [rssRow, deployRow, atOnceRow, logRow, hogsRow]) {
    add(await measured(parts));
  }
}

async function deployRow({ grid, docker }) {
  let number = 0;
  const times = await timedRounds(DEPLOYS, {
    bare: {
      take: () => docker('run', '-d', IMAGE, ...IDLE),
      clear: (id) => docker('rm', '-f', id),
    },
    grid: {
      async take() {
        const name = `deploy-${(number += 1)}`;
        const flags = ['--image', IMAGE, '--name', name, '--pull', 'never', '--stop-timeout', '0s'];
        await grid.cli('container', 'deploy', ...flags, '--wait', '--json', '--', ...IDLE);
        return name;
      },
      clear: (name) => grid.removed([name]),
    },
  });
  const [bare, whole] = [median(times.bare), median(times.grid)];
  return row('container deploy --wait / docker run -d', whole / bare, 'x', bare, 1.6);
}

async function atOnceRow({ grid, docker }) {
  const all = Array.from({ length: AT_ONCE }, (_, n) => n + 1);
  let round = 0;
  const times = await timedRounds(AT_ONCE_ROUNDS, {
    bare: {
      async take() {
        const ids = [];
        for (const _ of all) ids.push(await docker('run', '-d', IMAGE, ...IDLE));
        return ids;
      },
      clear: (ids) => docker('rm', '-f', ...ids),
    },
    grid: {
      async take() {
        round += 1;
        const names = all.map((n) => `once-${round}-${n}`);
        await Promise.all(names.map((name) => deployed(grid, name, IDLE)));
        await allRun(grid, names);
        return names;
      },
      clear: (names) => grid.removed(names),
    },
  });
  const [bare, whole] = [median(times.bare), median(times.grid)];
  return row(`${AT_ONCE} deployed at once / docker run -d in turn`, whole / bare, 'x', bare, 0.7);
}

async function rssRow({ grid }) {
  await deployed(grid, 'idle', IDLE);
  await allRun(grid, ['idle']);
  await pause(IDLE_MS);
  const rss = rssOf(grid.agentPid) / MIB;
  await grid.removed(['idle']);
  return row('memory of an idle agent with one container', rss, 'MiB', 0, 90);
}

async function logRow({ grid, docker }) {
  const script = `i=0; while [ $i -lt ${LOG_LINES} ]; do i=$((i+1)); echo "$((i+10000000)) ${LINE.slice(1)}"; done`;
  await deployed(grid, 'writer', ['/bin/sh', '-c', script], {
    replicas: LOGS,
    restart: 'no',
    cpuMillis: 1_000,
  });
  await until('the logs to be written', async () => {
    const { instances } = await grid.client.call('containers.get', { container: 'writer' });
    return instances.every(({ phase }) => phase === 'exited');
  });
  const list = await docker('ps', '-aq', '--filter', 'name=syntropy-writer-');
  const ids = list.split('\n');
  const expected = LOGS * LOG_LINES;
  const complete = ({ lines }) => {
    if (lines !== expected) throw new Error(`${lines} lines came, and not ${expected}.`);
  };
  const times = await timedRounds(LOG_ROUNDS, {
    bare: {
      async take() {
        let lines = 0;
        for (const id of ids) {
          lines += (await counted('/usr/bin/docker', docker.words('logs', id))).lines;
        }
        return { lines };
      },
      clear: complete,
    },
    grid: {
      take: () => counted(...grid.cliProgram('container', 'logs', 'writer')),
      clear: complete,
    },
  });
  await grid.removed(['writer']);
  const [bare, whole] = [median(times.bare), median(times.grid)];
  // At least half as much in the same time.
  return row(`time of container logs / docker logs, ${expected} lines`, whole / bare, 'x', bare, 2);
}

async function hogsRow({ grid }) {
  const script = ['/bin/sh', '-c', 'while :; do :; done'];
  const names = ['hog-1', 'hog-2'];
  // Each alone would be let have twice what all of them get: it is the owner's cap that holds them.
  await Promise.all(names.map((name) => deployed(grid, name, script, { cpuMillis: 1_000 })));
  await allRun(grid, names);
  await grid.cli('node', 'update', NODE, '--offer', `cpu=${HOGS_CAP},memory=16GiB,disk=1GiB`);
  await until('the cap to be there', () => kernelCpuCap(grid.cgroup) <= HOGS_CAP);
  await pause(1_000);
  const before = kernelCpuMicros(grid.cgroup);
  const from = performance.now();
  await pause(HOG_MS);
  const used = kernelCpuMicros(grid.cgroup) - before;
  const cores = used / 1_000 / (performance.now() - from);
  await grid.removed(names);
  if (cores < HOGS_CAP / 2) throw new Error('The hogs were not busy.');
  return row(
    'two busy ones under an offer of half a core',
    cores,
    'cores',
    HOGS_CAP,
    HOGS_CAP * 1.02,
  );
}

function deployed({ client }, name, args, more = {}) {
  const fields = { image: IMAGE, name, args, pull: 'never', stopSeconds: 0, ...more };
  return client.call('containers.deploy', fields);
}

async function allRun({ client }, names) {
  const wanted = new Set(names);
  await until(`${names.length} containers to run`, async () => {
    const { containers } = await client.call('containers.list', { limit: 100 });
    return (
      containers.filter(({ name, status }) => wanted.has(name) && status === 'running').length ===
      wanted.size
    );
  });
}
