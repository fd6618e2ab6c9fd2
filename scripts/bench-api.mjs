// What the daemon's pipeline costs: CPU time of the server for each request, as a share of a bare Fastify and of the bare reading of a row in
// the same run. The client never sleeps: a server on the same host would pay for waking it, the slower one for each answer, the faster one for
// hardly any. Wall times say little on a busy machine, so variants run interleaved in rounds, and a row is the median of the ratios within a round.
// Beside it: a thousand WebSocket subscribers, and memory. Linux only, for CPU times and memory come from /proc. `--json` prints the document alone; the status is 1 when a row
// falls short.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { median, rounded, shuffled } from './bench-statistics.mjs';
import { loadSource } from './load-source.mjs';

const CONNECTIONS = 16;
const WARM_UP_ROUNDS = 2;
const ROUND_MS = 1_500;
const SUBSCRIBERS = 1_000;
const EVENTS = 100;
const EVENT_EVERY_MS = 100;
const IDLE_MS = 3_000;
/** /proc counts in hundredths of a second. */
const TICK_US = 10_000;
const MIB = 1 << 20;
const START_TIMEOUT_MS = 120_000;

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '9' },
  },
});

const home = await mkdtemp(path.join(os.tmpdir(), 'syntropy-bench-'));
// As root, Postgres runs as another account, which must be able to pass through.
await chmod(home, 0o755);
process.env.SYNTROPY_CLUSTER_ROOT = path.join(home, 'clusters');
const children = [];
let database;
try {
  database = await openEmbedded();
  const { host, user } = database.connection;
  const env = {
    ...process.env,
    DATABASE_URL: `postgres:///syntropy?host=${encodeURIComponent(host)}&user=${user}`,
    SYNTROPY_LIMIT_PER_ADDRESS: '10000000',
    SYNTROPY_LIMIT_PER_SUBJECT: '10000000',
  };
  const stateDir = path.join(home, 'state');
  const daemonArgs = ['--state-dir', stateDir, '--listen', '127.0.0.1:0', '--tls', 'off'];
  const { daemonProgram } = await loadSource('src/cli/daemon-program.ts');
  const daemon = await start(
    daemonProgram(process.cwd()),
    [...daemonArgs, '--log-level', 'warn'],
    env,
  );
  const baseline = await start(['scripts/bench-api-baseline.mjs'], [], env);
  const port = Number(new URL(daemon.told.daemon.api.url).port);
  await database.pool.query(`insert into nodes (name, status) values ('node-01', 'online')`);
  const token = await personalToken(daemon.told.daemon.socket);
  await pause(IDLE_MS);
  const idleRss = rssOf(daemon.pid);

  const variants = variantsOf({ daemon, baseline, port, token });
  const rounds = await measure(variants, Number(options.rounds));
  const late = await fanOut(`ws://127.0.0.1:${port}/v1/ws`, token, env);
  const rows = [
    ...ratios(rounds),
    row('WebSocket: 1000 subscribers, 10 events/s, p99', late.p99, 'ms', late.p50, 250, 'at most'),
    row('WebSocket: events lost', late.lost, 'events', 0, 0, 'at most'),
    row('memory, idle', idleRss / MIB, 'MiB', 0, 160, 'at most'),
    row('memory, under load', peakRss(daemon.pid) / MIB, 'MiB', 0, 256, 'at most'),
  ];
  print({ load: os.loadavg().map(rounded), rows, stages: stagesOf(rounds) });
  if (rows.some(({ pass }) => !pass)) process.exitCode = 1;
} finally {
  for (const child of children) child.kill();
  await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')));
  await database?.close();
  await rm(home, { recursive: true, force: true });
}

async function openEmbedded() {
  const { openDatabase } = await loadSource('src/core/storage/postgres/database.ts');
  const stateDir = path.join(home, 'database');
  await mkdir(stateDir, { mode: 0o755 });
  return openDatabase({ stateDir, logDir: stateDir, onTrouble: () => undefined });
}

/** Starts a server and waits for its first word. */
async function start(program, args, env) {
  const child = fork(program.at(-1), args, {
    env,
    execArgv: program.slice(0, -1),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  children.push(child);
  const [told] = await once(child, 'message', { signal: AbortSignal.timeout(START_TIMEOUT_MS) });
  if (told.error) throw new Error(told.error.message);
  return { pid: child.pid, told, child };
}

function personalToken(socketPath) {
  const body = JSON.stringify({
    name: 'bench',
    scopes: ['nodes:read', 'events:read', 'events:any'],
  });
  const headers = { host: 'syntropy', 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/v1/tokens', method: 'POST', headers }, async (answer) => {
      let text = '';
      for await (const chunk of answer) text += chunk;
      resolve(JSON.parse(text).secret);
    })
      .on('error', reject)
      .end(body);
  });
}

function variantsOf({ daemon, baseline, port, token }) {
  const bearer = `Authorization: Bearer ${token}\r\n`;
  const bare = { pid: baseline.pid, port: baseline.told.port, headers: '' };
  const ours = { pid: daemon.pid, port, headers: bearer };
  return {
    hello: { ...bare, path: '/hello' },
    row: { ...bare, path: '/nodes/node-01' },
    publicCall: { ...ours, headers: '', path: '/v1/keys' },
    authenticated: { ...ours, path: '/v1/sessions/current' },
    authenticatedRow: { ...ours, path: '/v1/nodes/node-01' },
  };
}

/** CPU microseconds for each request, by variant and round. */
async function measure(variants, rounds) {
  const times = new Map(Object.keys(variants).map((name) => [name, []]));
  for (let round = 0; round < WARM_UP_ROUNDS + rounds; round += 1) {
    for (const name of shuffled([...times.keys()])) {
      const us = await cpuPerRequest(variants[name]);
      if (round >= WARM_UP_ROUNDS) times.get(name).push(us);
    }
  }
  return times;
}

async function cpuPerRequest({ pid, port, path: url, headers }) {
  const before = cpuTicks(pid);
  const until = Date.now() + ROUND_MS;
  stayAwake(until);
  const counts = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => ask(port, url, headers, until)),
  );
  const requests = counts.reduce((sum, count) => sum + count, 0);
  return ((cpuTicks(pid) - before) * TICK_US) / requests;
}

function stayAwake(until) {
  if (Date.now() < until) setImmediate(stayAwake, until);
}

/** One connection, one request after the other until the time is over. Answers how many; anything but a 200 is an error. */
function ask(port, url, headers, until) {
  const message = `GET ${url} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n`;
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(message));
    let received = '';
    let count = 0;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('error', reject);
    socket.on('data', (text) => {
      received += text;
      if (!isWhole(received)) return;
      if (!received.startsWith('HTTP/1.1 200')) {
        reject(new Error(`${url} answered ${received.slice(0, 200)}`));
        return;
      }
      received = '';
      count += 1;
      if (Date.now() < until) socket.write(message);
      else socket.end(() => resolve(count));
    });
  });
}

function isWhole(text) {
  const end = text.indexOf('\r\n\r\n');
  const length = /content-length: (\d+)/i.exec(text)?.[1];
  return end >= 0 && length !== undefined && text.length >= end + 4 + Number(length);
}

function ratios(times) {
  const share = (name, of) => median(times.get(name).map((us, round) => times.get(of)[round] / us));
  const us = (name) => median(times.get(name));
  return [
    row(
      'authenticated read without database',
      share('authenticated', 'hello'),
      'of a bare Fastify',
      us('hello'),
      0.5,
      'at least',
    ),
    row(
      'authenticated read of one row',
      share('authenticatedRow', 'row'),
      'of the bare row',
      us('row'),
      0.65,
      'at least',
    ),
  ];
}

/** CPU microseconds that each stage adds. */
function stagesOf(times) {
  const us = (name) => median(times.get(name));
  return [
    { name: 'bare Fastify', us: rounded(us('hello')) },
    {
      name: 'door, address limit, dispatch, validation, shape, metrics',
      us: rounded(us('publicCall') - us('hello')),
    },
    {
      name: 'authentication (cached), permission, caller limit, larger answer',
      us: rounded(us('authenticated') - us('publicCall')),
    },
    { name: 'row: bare', us: rounded(us('row')) },
    { name: 'row: the whole pipeline', us: rounded(us('authenticatedRow')) },
  ];
}

async function fanOut(url, token, env) {
  const { child } = await start(['scripts/bench-api-subscribers.mjs'], [url, String(SUBSCRIBERS)], {
    ...env,
    BENCH_TOKEN: token,
  });
  for (let sent = 0; sent < EVENTS; sent += 1) {
    const at = Date.now();
    await database.pool.query(`select append_event('bench.ticked', 'bench', 'bench', $1)`, [
      { sentAt: at, padding: 'x'.repeat(200) },
    ]);
    await pause(Math.max(0, EVENT_EVERY_MS - (Date.now() - at)));
  }
  await pause(IDLE_MS);
  child.send('stop');
  const [{ delaysMs }] = await once(child, 'message');
  const sorted = delaysMs.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.floor(sorted.length * share)] ?? Infinity;
  return { p50: at(0.5), p99: at(0.99), lost: SUBSCRIBERS * EVENTS - delaysMs.length };
}

function cpuTicks(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function statusKib(pid, field) {
  return Number(
    new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1],
  );
}

function rssOf(pid) {
  return statusKib(pid, 'VmRSS') * 1024;
}

function peakRss(pid) {
  return statusKib(pid, 'VmHWM') * 1024;
}

function row(name, value, unit, baseline, target, direction) {
  const pass = direction === 'at least' ? value >= target : value <= target;
  return {
    name,
    value: rounded(value),
    unit,
    baseline: rounded(baseline),
    target,
    direction,
    pass,
  };
}

function print(document) {
  if (options.json) {
    console.log(JSON.stringify(document, undefined, 2));
    return;
  }
  console.log(`load ${document.load.join(' ')}`);
  for (const { name, value, unit, baseline, target, direction, pass } of document.rows) {
    console.log(
      `${pass ? 'ok   ' : 'SHORT'} ${name.padEnd(46)} ${String(value).padStart(7)} ${unit} (${direction} ${target}; baseline ${baseline})`,
    );
  }
  for (const { name, us } of document.stages) {
    console.log(`      ${name.padEnd(66)} ${String(us).padStart(7)} µs of CPU`);
  }
}
