// Three daemons on one Postgres and one Redis under load, while one of them is killed and comes back, Redis goes and comes back, and Postgres is
// killed. At the end: no acknowledged write is lost, no event was missed or seen twice, no caller got more than the limits allow, and the audit log is
// whole. `--seconds`, `--seed` (which daemon, when), `--json`; the status is 1 when a promise was broken.
import { fork, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { loadSource } from './load-source.mjs';
import { randomOf } from './random.mjs';

const REPLICAS = 3;
const NODES = 12;
const FOLLOWERS = 6;
const LIMIT_PER_MINUTE = 40;
const CALL_TIMEOUT_MS = 5_000;
/** No fault here lasts longer; whoever is not served by then never will be. */
const GIVE_UP_MS = 60_000;
const RETRY_MS = 50;
const START_TIMEOUT_MS = 120_000;
/** What a caller of several replicas lives with. */
const PASSING = [
  'DAEMON_UNREACHABLE',
  'TIMED_OUT',
  'DATABASE_UNAVAILABLE',
  'IDEMPOTENCY_IN_PROGRESS',
];

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    json: { type: 'boolean', default: false },
  },
});
const durationMs = Number(options.seconds) * 1000;
const random = randomOf(Number(options.seed));

const home = await mkdtemp(path.join(os.tmpdir(), 'syntropy-soak-'));
// As root, Postgres runs as another account, which must be able to pass through.
await chmod(home, 0o755);
process.env.SYNTROPY_CLUSTER_ROOT = path.join(home, 'clusters');
const { SyntropyClient } = await loadSource('src/client/client.ts');
const { localSocket } = await loadSource('src/client/node/local-socket.ts');
const daemons = [];
const faults = [];
let redis;
let database;
/** Aborted when the load is to end. */
const over = new AbortController();
try {
  database = await openEmbedded();
  redis = await startRedis();
  for (let n = 0; n < REPLICAS; n += 1) daemons.push(await startDaemon(n));
  const result = await soak();
  print(result);
  if (result.broken.length > 0) process.exitCode = 1;
} finally {
  over.abort();
  for (const { child } of daemons) child.kill('SIGTERM');
  await Promise.all(daemons.map(({ child }) => ended(child)));
  redis?.kill('SIGKILL');
  await database?.close();
  await rm(home, { recursive: true, force: true, maxRetries: 5 });
}

async function soak() {
  await database.pool.query(
    `insert into nodes (name, status) select 'node-' || n, 'online' from generate_series(1, ${NODES}) n`,
  );
  const admin = clientOf(0);
  const { secret } = await admin.call('tokens.create', { name: 'greedy', scopes: ['nodes:read'] });
  const { cursor } = await admin.call('events.list', {});
  const writers = Array.from({ length: NODES }, (_, n) => write(`node-${n + 1}`));
  const followers = Array.from({ length: FOLLOWERS }, () => startFollower(cursor));
  const greedy = greed(secret);
  // Whoever works ends before the faults do only by a failure.
  const working = [...writers, ...followers.map(({ work }) => work), greedy];
  await Promise.race([breakThings(), Promise.all(working)]);
  over.abort();
  const written = await Promise.all(writers);
  const asked = await greedy;
  const latest = await newestCursor();
  await Promise.all(followers.map((follower) => follower.until(latest)));
  return judge({ written, asked, followers, cursor });
}

/** One node is one writer's: what was acknowledged last is what must be there. A write is sent again, with its key, until it is. */
async function write(node) {
  const acknowledged = [];
  for (let n = 1; !over.signal.aborted; n += 1) {
    const description = `${node} write ${n}`;
    await insist((client) =>
      client.call(
        'nodes.update',
        { node, description },
        { idempotencyKey: `${node}-${n}-${options.seed}`, timeoutMs: CALL_TIMEOUT_MS },
      ),
    );
    acknowledged.push(description);
  }
  return { node, acknowledged };
}

/** Asks one replica after the other until one has answered. */
async function insist(ask) {
  const until = Date.now() + GIVE_UP_MS;
  for (let at = Math.floor(random() * REPLICAS); ; at += 1) {
    try {
      return await ask(clientOf(at % REPLICAS));
    } catch (error) {
      if (!PASSING.includes(error.code) || Date.now() > until) throw error;
      await pause(RETRY_MS);
    }
  }
}

/** Follows every event on whichever replica answers, and goes on after the last one that came. */
function startFollower(from) {
  const seen = [];
  let cursor = from;
  let target;
  const abort = new AbortController();
  const work = (async () => {
    for (let at = Math.floor(random() * REPLICAS); !abort.signal.aborted; at += 1) {
      try {
        const events = clientOf(at % REPLICAS).stream(
          'events.follow',
          { after: cursor },
          { signal: abort.signal },
        );
        for await (const event of events) {
          seen.push(event.cursor);
          cursor = event.cursor;
          if (target !== undefined && BigInt(cursor) >= target) return;
        }
      } catch (error) {
        if (!abort.signal.aborted && !PASSING.includes(error.code)) throw error;
      }
      await pause(RETRY_MS);
    }
  })();
  return {
    seen,
    work,
    async until(latest) {
      target = latest;
      const timer = setTimeout(() => abort.abort(), GIVE_UP_MS);
      // One that is there already gets no further event that would tell it.
      if (BigInt(cursor) >= latest) abort.abort();
      await work;
      clearTimeout(timer);
    },
  };
}

/** A caller who takes whatever they get. */
async function greed(token) {
  const counts = { asked: 0, served: 0, refused: 0 };
  const began = Date.now();
  await Promise.all(
    daemons.map(async (daemon) => {
      while (!over.signal.aborted) {
        counts.asked += 1;
        const response = await fetch(`${daemon.url}/v1/nodes`, {
          headers: { authorization: `Bearer ${token}` },
          signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
        }).catch(() => undefined);
        await response?.arrayBuffer().catch(() => undefined);
        if (response?.status === 200) counts.served += 1;
        if (response?.status === 429) counts.refused += 1;
        await pause(10);
      }
    }),
  );
  return { ...counts, minutes: Math.ceil((Date.now() - began) / 60_000) };
}

async function breakThings() {
  const share = (part) => pause(durationMs * part * (0.8 + random() * 0.4));
  await share(0.15);
  const victim = Math.floor(random() * REPLICAS);
  note(`daemon ${victim} killed`);
  daemons[victim].child.kill('SIGKILL');
  await ended(daemons[victim].child);
  await share(0.1);
  daemons[victim] = await startDaemon(victim);
  note(`daemon ${victim} back`);
  await share(0.1);
  if (redis) {
    redis.kill('SIGKILL');
    await ended(redis);
    note('Redis killed');
    await share(0.15);
    redis = await startRedis();
    note('Redis back');
  }
  await share(0.1);
  const [pid] = (await readFile(path.join(database.location, 'postmaster.pid'), 'utf8')).split(
    '\n',
  );
  process.kill(Number(pid), 'SIGKILL');
  note('Postgres killed');
  await share(0.25);
}

async function judge({ written, asked, followers, cursor }) {
  const broken = [];
  const { rows: nodes } = await database.pool.query('select name, description, version from nodes');
  for (const { node, acknowledged } of written) {
    const found = nodes.find(({ name }) => name === node);
    if (found.description !== acknowledged.at(-1)) {
      broken.push(`${node}: acknowledged "${acknowledged.at(-1)}", found "${found.description}"`);
    }
    if (Number(found.version) <= acknowledged.length) broken.push(`${node}: writes are missing`);
  }
  const { rows: events } = await database.pool.query(
    'select id from events where id > $1 order by id',
    [cursor],
  );
  const all = events.map(({ id }) => id);
  for (const [n, { seen }] of followers.entries()) {
    if (JSON.stringify(seen) === JSON.stringify(all)) continue;
    const twice = seen.length - new Set(seen).size;
    const missing = all.filter((id) => !seen.includes(id)).length;
    broken.push(`follower ${n}: ${missing} events missing, ${twice} seen twice`);
  }
  // Shared while Redis is there; each daemon for itself while it is not; a daemon that is restarted begins anew.
  const most = LIMIT_PER_MINUTE * (asked.minutes + 1) * (1 + REPLICAS + 1);
  if (asked.served > most)
    broken.push(`limits: ${asked.served} calls served, at most ${most} allowed`);
  if (asked.served === 0 || asked.refused === 0)
    broken.push('limits: nothing was served or refused');
  const verdict = await insist((client) => client.call('audit.verify', {}));
  if (!verdict.ok) broken.push(`audit: ${verdict.broken.reason} at ${verdict.broken.seq}`);
  const writes = written.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  const audited = await auditedWrites();
  if (audited < writes) broken.push(`audit: ${writes} acknowledged writes, ${audited} entries`);
  return {
    seed: Number(options.seed),
    seconds: Number(options.seconds),
    redis: redis !== undefined,
    faults,
    writes,
    events: all.length,
    followers: FOLLOWERS,
    limits: { ...asked, most },
    audit: { entries: verdict.entries, writes: audited },
    broken,
  };
}

async function auditedWrites() {
  const { rows } = await database.pool.query(
    `select count(*) as count from audit_log where operation = 'nodes.update' and outcome in ('ok', 'unknown')`,
  );
  return Number(rows[0].count);
}

async function newestCursor() {
  const { cursor } = await insist((client) => client.call('events.list', {}));
  return BigInt(cursor);
}

function clientOf(n) {
  return new SyntropyClient({ transport: localSocket(daemons[n].socket) });
}

async function startDaemon(n) {
  const { host, user } = database.connection;
  const stateDir = path.join(home, `daemon-${n}`);
  const args = ['--state-dir', stateDir, '--listen', '127.0.0.1:0', '--tls', 'off'];
  const child = fork('bin/syntropy-daemon.mjs', [...args, '--log-level', 'warn'], {
    env: {
      ...process.env,
      DATABASE_URL: `postgres:///syntropy?host=${encodeURIComponent(host)}&user=${user}`,
      ...(redis ? { REDIS_URL: `unix://${redisSocket()}` } : {}),
      SYNTROPY_MASTER_KEY: masterKey(),
      SYNTROPY_LIMIT_PER_SUBJECT: String(LIMIT_PER_MINUTE),
      SYNTROPY_LIMIT_PER_ADDRESS: '1000000',
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [told] = await once(child, 'message', { signal: AbortSignal.timeout(START_TIMEOUT_MS) });
  if (told.error) throw new Error(told.error.message);
  return { child, socket: told.daemon.socket, url: told.daemon.api.url };
}

/** All replicas have the same, as from a secret of the platform they run on. */
function masterKey() {
  masterKey.value ??= randomBytes(32).toString('base64');
  return masterKey.value;
}

async function openEmbedded() {
  const { openDatabase } = await loadSource('src/core/storage/postgres/database.ts');
  const stateDir = path.join(home, 'database');
  await mkdir(stateDir, { mode: 0o755 });
  return openDatabase({ stateDir, logDir: stateDir, onTrouble: () => undefined });
}

function redisSocket() {
  return path.join(home, 'redis.sock');
}

/** Undefined where there is none to start: the rest is worth the same without it. */
async function startRedis() {
  const args = ['--port', '0', '--unixsocket', redisSocket(), '--save', '', '--dir', home];
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const failed = once(child, 'error').then(() => undefined);
  const ready = (async () => {
    for await (const chunk of child.stdout) {
      if (!String(chunk).includes('ready to accept')) continue;
      return child;
    }
    return undefined;
  })();
  const started = await Promise.race([ready, failed]);
  started?.stdout.resume();
  if (!started) console.error('There is no redis-server here: its loss is left out.');
  return started;
}

function note(what) {
  faults.push({ what, atMs: Math.round(performance.now()) });
  if (!options.json) console.log(`${Math.round(performance.now() / 1000)} s: ${what}`);
}

async function ended(child) {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

function print(result) {
  if (options.json) {
    console.log(JSON.stringify(result, undefined, 2));
    return;
  }
  const { writes, events, limits, audit, broken, seed } = result;
  console.log(`${writes} writes acknowledged, ${events} events to ${FOLLOWERS} followers`);
  console.log(
    `${limits.asked} calls of a greedy caller, ${limits.served} served (at most ${limits.most})`,
  );
  console.log(`audit: ${audit.entries} entries in one chain`);
  for (const what of broken) console.log(`BROKEN ${what}`);
  console.log(`${broken.length === 0 ? 'ok' : `${broken.length} promises broken`} (seed ${seed})`);
}
