// Containers on a real engine, while the engine, the agent and the daemon are killed in the midst of changes, one or two at a time. What is left alone keeps
// its process; nothing runs twice; after each point all is as it was last told, on the engine too; no line of a log is lost, and no use is counted twice or
// not at all. `--points`, `--seed` (who is killed, and when), `--engine docker|podman`, `--json`; the status is 1 when a promise was broken. Needs root.
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { randomOf } from './random.mjs';
import { judgeLogs, startReader } from './soak-containers/logs.mjs';
import { breakAt, planPoints } from './soak-containers/points.mjs';
import { noteControls, settle } from './soak-containers/promises.mjs';
import { judgeUsage } from './soak-containers/usage.mjs';
import { startWatch } from './soak-containers/watch.mjs';
import { openWorld } from './soak-containers/world.mjs';

/** Of the controls; the last one is only read at the end. */
const FOLLOWED = 2;
const LOG_LINES = 40;

const { values: options } = parseArgs({
  options: {
    points: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    engine: { type: 'string', default: 'docker' },
    json: { type: 'boolean', default: false },
  },
});
if (!['docker', 'podman'].includes(options.engine)) throw new Error('--engine docker|podman');
const random = randomOf(Number(options.seed));
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => interrupted.abort());

const home = await mkdtemp(path.join(os.tmpdir(), 'syntropy-soak-'));
// As root, Postgres runs as another account, which must be able to pass through.
await chmod(home, 0o755);
const happened = [];
const broken = [];
/** What is to be undone, in the opposite order. */
const closers = [() => rm(home, { recursive: true, force: true, maxRetries: 5 })];
try {
  const soaked = openWorld({ kind: options.engine, home, closers, note, require }).then(soak);
  print(await Promise.race([soaked, untilInterrupted()]));
  if (broken.length > 0) await tellWhy();
} catch (error) {
  console.error(error);
  for (const what of broken) console.error(`BROKEN ${what}`);
  await tellWhy();
} finally {
  for (const close of closers.toReversed()) {
    await Promise.resolve(close()).catch((error) => console.error(error));
  }
}
// A fault that is under way when something fails is not waited for.
process.exit();

async function soak(world) {
  await settle({ ...world, controls: [], changed: world.controls.map(upOnly) });
  await noteControls(world);
  note('all is up');
  const watch = startWatch(world);
  const readers = world.controls.slice(0, FOLLOWED).map(({ name }) => startReader(world, name));
  closers.push(() => Promise.all([watch, ...readers].map((one) => one.end())));
  const settledMs = [];
  const points = planPoints(Number(options.points), random);
  for (const [n, victims] of points.entries()) {
    note(`point ${n + 1}`);
    await breakAt(world, victims, randomOf(random() * 2 ** 32));
    settledMs.push(await settle(world));
    note(`settled in ${settledMs.at(-1)} ms`);
  }
  const usage = await judgeUsage(world, watch);
  const lines = await judgeLogs(world, readers);
  return {
    seed: Number(options.seed),
    engine: options.engine,
    points: points.length,
    seconds: Math.round(performance.now() / 1_000),
    kills: Object.fromEntries(
      Object.keys(world.parts).map((name) => [
        name,
        points.filter((victims) => victims.includes(name)).length,
      ]),
    ),
    changes: world.changed.reduce((sum, { count }) => sum + count, 0),
    looks: watch.looks,
    settledMs: {
      median: settledMs.toSorted((a, b) => a - b)[Math.floor(settledMs.length / 2)],
      most: Math.max(0, ...settledMs),
    },
    lines,
    cuts: readers.map(({ cuts }) => cuts),
    usage,
    happened,
    broken,
  };
}

function upOnly({ name, id }) {
  return { name, wanted: { id, desired: 'running', replicas: 1 } };
}

/** Ends of the logs, for whoever has to find out why something failed. */
async function tellWhy() {
  process.exitCode = 1;
  for (const file of ['daemon/logs/daemon.log', 'soak/logs/agent.log', 'soak/said']) {
    const text = await readFile(path.join(home, file), 'utf8').catch(() => '');
    console.error(`--- ${file}\n${text.split('\n').slice(-LOG_LINES).join('\n')}`);
  }
}

function untilInterrupted() {
  return new Promise((_, reject) => {
    interrupted.signal.addEventListener('abort', () => reject(new Error('It was interrupted.')));
  });
}

function require(holds, what) {
  if (holds) return;
  broken.push(what);
  note(`BROKEN ${what}`);
}

function note(what) {
  happened.push({ what, atMs: Math.round(performance.now()) });
  if (!options.json) console.log(`${(performance.now() / 1_000).toFixed(1)} s: ${what}`);
}

function print(result) {
  if (options.json) {
    console.log(JSON.stringify(result, undefined, 2));
    return;
  }
  const { points, kills, changes, looks, settledMs, lines, cuts, usage, seed } = result;
  console.log(`${points} points in ${result.seconds} s: kills ${JSON.stringify(kills)}`);
  console.log(`${changes} changes acknowledged, ${looks} looks at the engine`);
  console.log(`settled in ${settledMs.median} ms as a rule, ${settledMs.most} ms at most`);
  console.log(`${lines.join(', ')} lines; followers were cut off ${cuts.join(' and ')} times`);
  console.log(`usage of ${usage.living} living and ${usage.ended} ended leases`);
  for (const what of broken) console.log(`BROKEN ${what}`);
  console.log(`${broken.length === 0 ? 'ok' : `${broken.length} promises broken`} (seed ${seed})`);
}
