// Agents on machines of a network of their own, and a daemon with its Postgres, while each of them is stopped, killed, cut off, or has a full disk, and their
// nodes are changed all the time. At the end: every node is as it was last told, and says so; nobody joined twice; no event was missed or seen twice; and what
// happened to each node can happen to a node. `--seconds` (each fault happens at least once), `--seed` (to whom, and in which order), `--json`; the status is 1
// when a promise was broken. Needs root, for network namespaces.
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { loadSource } from './load-source.mjs';
import { soakAgent } from './soak-agents/agent.mjs';
import { change } from './soak-agents/changes.mjs';
import { soakDaemon } from './soak-agents/daemon.mjs';
import { breakThings, planRound } from './soak-agents/faults.mjs';
import { startFollower } from './soak-agents/follower.mjs';
import { openDisk } from './soak-agents/disk.mjs';
import { openInternet } from './soak-agents/internet.mjs';
import { joinAll } from './soak-agents/joins.mjs';
import { judgeEvents, judgeMemory, settle } from './soak-agents/promises.mjs';
import { randomOf } from './random.mjs';

const AGENTS = 4;
const FOLLOWERS = 2;
/** Of a run that has the time, and of a sample: a node is offline after 30 s. */
const PARTITION_MS = 60_000;
const SHORT_PARTITION_MS = 35_000;
const LONG_RUN_SECONDS = 120;
const LOG_LINES = 20;

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '300' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    json: { type: 'boolean', default: false },
  },
});
const seconds = Number(options.seconds);
const random = randomOf(Number(options.seed));
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => interrupted.abort());

const home = await mkdtemp(path.join(os.tmpdir(), 'syntropy-soak-'));
// As root, Postgres runs as another account, which must be able to pass through.
await chmod(home, 0o755);
const faults = [];
const broken = [];
/** What is to be undone, in the opposite order. */
const closers = [() => rm(home, { recursive: true, force: true, maxRetries: 5 })];
try {
  const result = await Promise.race([soak(await openWorld()), untilInterrupted()]);
  print(result);
  if (broken.length > 0) {
    console.error(await daemonLog());
    process.exitCode = 1;
  }
} catch (error) {
  console.error(error);
  for (const what of broken) console.error(`BROKEN ${what}`);
  console.error(await daemonLog());
  process.exitCode = 1;
} finally {
  for (const close of closers.toReversed()) await close().catch((error) => console.error(error));
}
// A fault that is under way when something fails is not waited for.
process.exit();

async function openWorld() {
  const { SyntropyClient } = await loadSource('src/client/client.ts');
  const { localSocket } = await loadSource('src/client/node/local-socket.ts');
  const { resolveStatePaths } = await loadSource('src/core/config/state-paths.ts');
  const { nextStatus } = await loadSource('src/core/utils/node-life.ts');
  const internet = await openInternet(`soak-${process.pid}`);
  closers.push(() => internet.close());
  const daemon = soakDaemon({
    home,
    machine: await internet.plug('daemon', 1),
    clientOf: (stateDir) =>
      new SyntropyClient({ transport: localSocket(resolveStatePaths(stateDir).socketPath) }),
  });
  closers.push(() => daemon.close());
  await daemon.start();
  const agents = [];
  for (let n = 0; n < AGENTS; n += 1) {
    const name = `soak-${n}`;
    const disk = await openDisk(path.join(home, name), n === AGENTS - 1);
    closers.push(() => disk.close());
    const machine = await internet.plug(name, 10 + n);
    const agent = soakAgent({ name, machine, disk, onBroken: (what) => require(false, what) });
    closers.push(() => agent.process.close());
    agents.push(agent);
  }
  const partitionMs = seconds >= LONG_RUN_SECONDS ? PARTITION_MS : SHORT_PARTITION_MS;
  return { daemon, agents, internet, partitionMs, kills: 0, nextStatus, note, require };
}

async function soak(world) {
  const { daemon, agents } = world;
  const { cursor } = await daemon.insist('events.list', {});
  const followers = Array.from({ length: FOLLOWERS }, () => startFollower(daemon, cursor));
  const over = new AbortController();
  closers.push(async () => {
    over.abort();
    for (const follower of followers) follower.end();
  });
  const joins = await joinAll(world, random);
  for (const agent of agents) agent.process.start();
  const writers = agents.map((agent) =>
    change(daemon, agent, agent.id, randomOf(random() * 2 ** 32), over.signal),
  );
  // Whoever works ends before the faults do only by a failure.
  const working = [...writers, ...followers.map(({ work }) => work)];
  await Promise.race([breakForAWhile(world), Promise.all(working)]);
  over.abort();
  const written = await Promise.all(writers);
  note('all is mended');
  const settledMs = await settle(world, written);
  const events = await judgeEvents(world, cursor, followers, written);
  return {
    seed: Number(options.seed),
    seconds,
    agents: AGENTS,
    faults,
    joins,
    changes: written.reduce((sum, { count }) => sum + count, 0),
    events: events.length,
    outages: followers.map(({ outages }) => outages),
    settledMs,
    memory: judgeMemory(world),
    broken,
  };
}

/** Round after round, until the time is over. */
async function breakForAWhile(world) {
  const from = performance.now();
  do {
    const lanes = planRound(world.agents, random);
    await Promise.all(lanes.map((lane) => breakThings(world, lane)));
  } while (performance.now() - from < seconds * 1_000);
}

/** Its end, for whoever has to find out why something failed. */
async function daemonLog() {
  const file = path.join(home, 'daemon/logs/daemon.log');
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').slice(-LOG_LINES).join('\n');
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
  faults.push({ what, atMs: Math.round(performance.now()) });
  if (!options.json) console.log(`${Math.round(performance.now() / 1000)} s: ${what}`);
}

function print(result) {
  if (options.json) {
    console.log(JSON.stringify(result, undefined, 2));
    return;
  }
  const { joins, changes, events, outages, settledMs, memory, seed } = result;
  console.log(`${joins} tries to join by ${AGENTS} machines, ${changes} changes acknowledged`);
  console.log(`${events} events to ${FOLLOWERS} followers over ${outages.join(' and ')} outages`);
  console.log(
    `settled in ${settledMs} ms; daemon at most ${memory.daemonMib} MiB, agents ${memory.agentMib} MiB`,
  );
  for (const what of broken) console.log(`BROKEN ${what}`);
  console.log(`${broken.length === 0 ? 'ok' : `${broken.length} promises broken`} (seed ${seed})`);
}
