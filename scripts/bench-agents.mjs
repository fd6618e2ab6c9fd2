// What connected agents cost one daemon: its CPU time and memory with two thousand of them and a heartbeat each ten seconds, how long a heartbeat takes, what one
// costs beside one of two hundred agents in the same run, and how soon all are back after the daemon was killed and started again. Over TLS, on an
// embedded Postgres of its own. Linux only, for CPU times and memory come from /proc. `--json` prints the document alone; the status is 1 when a row falls short.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { rounded } from './bench-statistics.mjs';
import { freePort } from './free-port.mjs';
import { loadSource } from './load-source.mjs';

const FEW = 200;
const MANY = 2_000;
const SETTLE_MS = 12_000;
const WINDOW_MS = 30_000;
const BACK_TIMEOUT_MS = 60_000;
/** /proc counts in hundredths of a second. */
const TICK_MS = 10;
const MIB = 1 << 20;
const START_TIMEOUT_MS = 120_000;

const { values: options } = parseArgs({ options: { json: { type: 'boolean', default: false } } });

const home = await mkdtemp(path.join(os.tmpdir(), 'syntropy-bench-'));
// As root, Postgres runs as another account, which must be able to pass through.
await chmod(home, 0o755);
process.env.SYNTROPY_CLUSTER_ROOT = path.join(home, 'clusters');
const children = new Set();
let database;
try {
  database = await openEmbedded();
  const port = await freePort();
  let daemon = await startDaemon(port);
  const fleet = await start(
    [],
    'scripts/bench-agents-fleet.mjs',
    [`wss://127.0.0.1:${port}`, daemon.told.daemon.caSha256, String(MANY)],
    process.env,
  );
  await addNodes(fleet.told.agents);

  const few = await measured(fleet, daemon, FEW);
  const many = await measured(fleet, daemon, MANY);
  daemon.child.kill('SIGKILL');
  await once(daemon.child, 'exit');
  const from = performance.now();
  daemon = await startDaemon(port);
  const backMs = await untilBack(fleet, from);

  const ratio = many.cpuPerBeat / few.cpuPerBeat;
  const rows = [
    row(`CPU, ${MANY} agents`, many.cores, 'cores', few.cores, 0.5),
    row(`memory, ${MANY} agents`, many.rss / MIB, 'MiB', few.rss / MIB, 400),
    row(`heartbeat p99, ${MANY} agents`, many.p99, 'ms', few.p99, 100),
    row(`cost of a heartbeat at ${MANY} / at ${FEW}`, ratio, 'x', few.cpuPerBeat, 1.3),
    row('all back after the daemon was killed', backMs / 1_000, 's', 0, 30),
  ];
  print({ load: os.loadavg().map(rounded), rows });
  if (rows.some(({ pass }) => !pass)) process.exitCode = 1;
} finally {
  for (const child of children) child.kill();
  await Promise.all([...children].map((child) => child.exitCode ?? once(child, 'exit')));
  await database?.close();
  await rm(home, { recursive: true, force: true });
}

async function openEmbedded() {
  const { openDatabase } = await loadSource('src/core/storage/postgres/database.ts');
  const stateDir = path.join(home, 'database');
  await mkdir(stateDir, { mode: 0o755 });
  return openDatabase({ stateDir, logDir: stateDir, onTrouble: () => undefined });
}

async function startDaemon(port) {
  const { host, user } = database.connection;
  const { daemonProgram } = await loadSource('src/cli/daemon-program.ts');
  const program = daemonProgram(process.cwd());
  const stateDir = path.join(home, 'state');
  return start(
    program.slice(0, -1),
    program.at(-1),
    ['--state-dir', stateDir, '--listen', `127.0.0.1:${port}`, '--log-level', 'warn'],
    {
      ...process.env,
      DATABASE_URL: `postgres:///syntropy?host=${encodeURIComponent(host)}&user=${user}`,
      // All of them have one address here.
      SYNTROPY_LIMIT_PER_ADDRESS: '10000000',
    },
  );
}

/** Starts a process and waits for its first word. */
async function start(execArgv, program, args, env) {
  const child = fork(program, args, {
    env,
    execArgv,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  const [told] = await once(child, 'message', { signal: AbortSignal.timeout(START_TIMEOUT_MS) });
  if (told.error) throw new Error(told.error.message);
  return { pid: child.pid, told, child };
}

/** As if each had joined. */
async function addNodes(agents) {
  await database.pool.query(
    `insert into nodes (id, name, status) select id, 'node-' || n, 'joining' from unnest($1::uuid[]) with ordinality as a(id, n)`,
    [agents.map(({ node }) => node)],
  );
  await database.pool.query(
    `insert into node_agents (node_id, identity_key, wireguard_key, machine, approval, joined_at)
     select id, key, sha256(key), machine, 'approved', now() from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as a(id, key, machine)`,
    [
      agents.map(({ node }) => node),
      agents.map(({ publicKey }) => Buffer.from(publicKey, 'base64url')),
      agents.map(({ machine }) => Buffer.from(machine, 'hex')),
    ],
  );
}

async function measured(fleet, daemon, count) {
  fleet.child.send({ connect: count });
  await once(fleet.child, 'message');
  await pause(SETTLE_MS);
  await reportOf(fleet);
  const before = cpuTicks(daemon.pid);
  const from = performance.now();
  await pause(WINDOW_MS);
  const { delaysMs, heartbeats, connected } = await reportOf(fleet);
  if (connected !== count) throw new Error(`${connected} of ${count} agents are connected.`);
  const cpuMs = (cpuTicks(daemon.pid) - before) * TICK_MS;
  const sorted = delaysMs.toSorted((a, b) => a - b);
  return {
    cores: cpuMs / (performance.now() - from),
    cpuPerBeat: cpuMs / heartbeats,
    p99: sorted[Math.floor(sorted.length * 0.99)],
    rss: rssOf(daemon.pid),
  };
}

async function reportOf(fleet) {
  fleet.child.send({ report: true });
  const [report] = await once(fleet.child, 'message');
  return report;
}

async function untilBack(fleet, from) {
  while (performance.now() - from < BACK_TIMEOUT_MS) {
    const { connected } = await reportOf(fleet);
    if (connected === MANY) return performance.now() - from;
    await pause(250);
  }
  return Infinity;
}

function cpuTicks(pid) {
  // The name, which may hold anything, is in brackets before the fields that are counted on.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function rssOf(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
}

function row(name, value, unit, baseline, target) {
  return {
    name,
    value: rounded(value),
    unit,
    baseline: rounded(baseline),
    target,
    pass: value <= target,
  };
}

function print(document) {
  if (options.json) {
    console.log(JSON.stringify(document));
    return;
  }
  console.log(`load ${document.load.join(' ')}`);
  for (const { name, value, unit, baseline, target, pass } of document.rows) {
    const mark = pass ? 'ok   ' : 'SHORT';
    console.log(
      `${mark} ${name.padEnd(45)} ${value} ${unit} (at most ${target}; baseline ${baseline})`,
    );
  }
}
