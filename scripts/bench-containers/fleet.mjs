import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

import { loadSource } from '../load-source.mjs';
import { IDLE, IMAGE } from './measure.mjs';

/** Without a call to the engine for so long nothing is under way; a look at everything comes sooner. */
const QUIET_MS = 7_000;
const { specOf } = await loadSource('src/core/services/container/defaults.ts');
const ALL_UP_TIMEOUT_MS = 180_000;
const LOOK_MS = 50;

/** One replica as an agent is assigned it, with everything as the defaults have it. */
export function heldOf(args) {
  const lease = randomUUID();
  return {
    lease,
    generation: 1,
    container: { id: randomUUID(), name: `bench-${lease.slice(0, 8)}` },
    replica: 1,
    desired: 'running',
    restart: 0,
    specHash: lease.replaceAll('-', '').padEnd(64, '0'),
    spec: specOf({ image: IMAGE, args, pull: 'never', stopSeconds: 0 }),
  };
}

const log = { info() {}, warn: console.error, error: console.error };

/** The reconciler and the meter of an agent on that engine, with so many containers, and every call to the engine noted. */
export async function openFleet({ node, runtime, lent, directory, count }) {
  const { WorkFiles, SecretFiles, UsageJournal, Engine, Meter, Reconciler, interfaceCounters } =
    await parts();
  const { calls, lastCallMs, noted } = notedCalls(runtime);
  const files = await WorkFiles.open(directory);
  const { journal, recorded } = await notedJournal(UsageJournal, directory);
  const meter = new Meter({
    journal,
    lent,
    interfaces: (pid) => interfaceCounters(pid),
    bootId: 'bench',
    log,
    onGone() {},
    onRecords() {},
  });
  let running = new Map();
  let round = Promise.withResolvers();
  const reconciler = new Reconciler({
    node,
    files,
    secrets: new SecretFiles(directory),
    allowBind: [],
    lent,
    meter,
    engine: new Engine(
      () => Promise.resolve(noted),
      async () => {},
      log,
    ),
    log,
    completeSinceMs: () => undefined,
    onLease() {},
    onFailure: (lease) => console.error(`${lease} failed`),
    onEngine() {},
    onRunning(now) {
      running = now;
      meter.watch(now);
      round.resolve();
    },
  });
  const assignments = Array.from({ length: count }, () => heldOf(IDLE));
  await files.change(({ leases }) => {
    for (const wanted of assignments) leases.set(wanted.lease, { wanted });
  });
  return {
    calls,
    reconciler,
    meter,
    recorded,
    close: () => journal.close(),
    /** Resolves at the end of the next look. */
    roundEnded() {
      round = Promise.withResolvers();
      return round.promise;
    },
    running: () =>
      [...running.keys()].map((lease) => ({ lease, container: reconciler.containerOf(lease) })),
    async allUp() {
      const deadline = performance.now() + ALL_UP_TIMEOUT_MS;
      while (![...files.state.leases.values()].every(({ good }) => good)) {
        if (performance.now() > deadline) throw new Error(`Not all of ${count} came up.`);
        await pause(LOOK_MS);
      }
    },
    async quiet() {
      while (performance.now() - lastCallMs() < QUIET_MS) await pause(LOOK_MS);
    },
  };
}

function notedCalls(runtime) {
  const calls = [];
  let last = performance.now();
  const noted = new Proxy(runtime, {
    get(target, key) {
      const value = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return (...args) => {
        calls.push(key);
        last = performance.now();
        return value.apply(target, args);
      };
    },
  });
  return { calls, lastCallMs: () => last, noted };
}

/** What is recorded of each lease is added up. */
async function notedJournal(UsageJournal, directory) {
  const journal = await UsageJournal.open(directory);
  const micros = new Map();
  const append = journal.append.bind(journal);
  journal.append = (records, baselines) => {
    for (const { lease, cpuMicros } of records) {
      micros.set(lease, (micros.get(lease) ?? 0) + cpuMicros);
    }
    return append(records, baselines);
  };
  return { journal, recorded: (lease) => micros.get(lease) ?? 0 };
}

/** What an agent's work is made of. */
async function parts() {
  const files = ['work-files', 'secret-files', 'usage-journal', 'engine', 'usage', 'reconciler'];
  const sources = files.map((name) => `src/agent/work/${name}.ts`);
  const all = [...sources, 'src/core/platform/linux/interface-counters.ts'];
  return Object.assign({}, ...(await Promise.all(all.map(loadSource))));
}
