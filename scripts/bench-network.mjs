// What the control plane of the mesh costs, without a database: a grid of 10,000 nodes that know some three hundred others each, to which nodes
// come one after another; beside it one of 1,000 nodes with as many peers each, and what it would be to compute every map anew. Byte counts are
// of what goes over the wire, head and body. `--json` prints the document alone; the status is 1 when a row falls short.
import { spawnSync } from 'node:child_process';
import os from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { FEW, MANY, nodeOf, openMaps } from './bench-network/grid.mjs';
import { median, rounded } from './bench-statistics.mjs';
import { loadSource } from './load-source.mjs';

const JOINS = 1_000;
/** What else the machine does makes single joins late; in one of these it does least. */
const ROUNDS = 5;
const WARM_UP = 200;
const RECONNECTS = 10_000;
const SUSTAINED_JOINS = 500;
const JOINS_PER_SECOND = 100;
const PATCHES = 1_000;
const WHOLE_SAMPLE = 2_000;

// Under the daemon's own options: what a join costs at worst is a stop of the collector, and they say how long one is.
const { daemonProgram } = await loadSource('src/cli/daemon-program.ts');
const nodeOptions = daemonProgram('.').slice(0, -1);
if (!nodeOptions.every((option) => process.execArgv.includes(option))) {
  const again = [...nodeOptions, ...process.argv.slice(1)];
  process.exit(spawnSync(process.execPath, again, { stdio: 'inherit' }).status ?? 1);
}

const { values: options } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const load = [os.loadavg().map(rounded)];
const rows = [];

const many = await openMaps(MANY);
const few = await openMaps(FEW);
for (const grid of [many, few]) joins(grid, WARM_UP);

const of = interleaved();
const all = (field) => of.many.map((join) => join[field]);
const times = all('ms');
const rounds = Array.from({ length: ROUNDS }, (_, index) =>
  quantile(times.slice((index * JOINS) / ROUNDS, ((index + 1) * JOINS) / ROUNDS), 0.99),
);
row({ name: 'peers of who joins', unit: 'peers', least: 250, most: 400 }, median(all('peers')));
row({ name: 'one join, median', unit: 'ms', most: 5 }, median(times));
row({ name: 'one join, p99', unit: 'ms' }, quantile(times, 0.99));
row(
  { name: `one join, p99, the quietest of ${ROUNDS} rounds`, unit: 'ms', most: 5 },
  Math.min(...rounds),
);
row({ name: 'bytes of a join for each peer', unit: 'B', most: 250 }, largest(all('most')));
row(
  { name: 'bytes of a join for all peers', unit: 'kB', most: 100 },
  largest(all('fanOut')) / 1_000,
);
row({ name: 'bytes of the map of who joins', unit: 'kB' }, median(all('map')) / 1_000);
const fewTimes = of.few.map(({ ms }) => ms);
row(
  { name: 'a join among 10,000 to one among 1,000', unit: '×', most: 3 },
  median(times) / median(fewTimes),
);

const whole = wholeMaps(many);
row({ name: 'all maps anew', unit: 'ms' }, whole);
row({ name: 'all maps anew to one join', unit: '×', least: 1_000 }, whole / median(times));
await sustained();
patches();
reconnects();

load.push(os.loadavg().map(rounded));
if (options.json) console.log(JSON.stringify({ load, rows }));
else console.log(`load before ${load[0].join(' ')}, after ${load[1].join(' ')}`);
if (rows.some(({ pass }) => !pass)) process.exitCode = 1;

/** Small and large in turn, so that what else the machine does falls on both. */
function interleaved() {
  const both = { many: [], few: [] };
  for (let round = 0; round < JOINS; round += 1) {
    both.many.push(...joins(many, 1));
    both.few.push(...joins(few, 1));
  }
  return both;
}

/** Each is followed by the node's leaving, which is not timed, so that the grid stays as large as it is said to be. */
function joins(grid, count) {
  return Array.from({ length: count }, () => {
    const node = nodeOf(grid.next++, grid.shape);
    const { result, ms } = timed(() => sent(grid, grid.maps.nodeJoined(node, ++grid.sequence)));
    grid.maps.nodeLeft(node.id, ++grid.sequence);
    const [map, ...bytes] = result.toReversed();
    const fanOut = bytes.reduce((sum, one) => sum + one, 0);
    return { ms, peers: bytes.length, most: largest(bytes), fanOut, map };
  });
}

/** What a control plane does that keeps nothing: each node's map, and its text. A part of them is timed, and the rest is like it. */
function wholeMaps({ maps, nodes }) {
  const some = nodes.slice(0, WHOLE_SAMPLE);
  const { ms } = timed(() => some.map(({ id }) => JSON.stringify(maps.mapOf(id)).length));
  return (ms * nodes.length) / some.length;
}

/** A hundred joins a second, each at its time; were there a queue, the last would be the latest. */
async function sustained() {
  const late = [];
  const begun = performance.now();
  for (let index = 0; index < SUSTAINED_JOINS; index += 1) {
    const due = begun + index * (1_000 / JOINS_PER_SECOND);
    const left = due - performance.now();
    if (left > 0) await setTimeout(left);
    sent(many, many.maps.nodeJoined(nodeOf(many.next++, many.shape), ++many.sequence));
    late.push(performance.now() - due);
  }
  const perSecond = (SUSTAINED_JOINS * 1_000) / (performance.now() - begun);
  row(
    { name: 'joins a second, one each 10 ms', unit: '/s', least: JOINS_PER_SECOND * 0.99 },
    perSecond,
  );
  row(
    { name: 'the last hundred of them: done late by, median', unit: 'ms', most: 10 },
    median(late.slice(-100)),
  );
}

function patches() {
  const told = Array.from({ length: PATCHES }, (_, index) => {
    const endpoints = [{ host: '203.0.113.9', port: 1_024 + index, kind: 'seen' }];
    const { id } = many.nodes[(index * 7) % many.nodes.length];
    return timed(() => sent(many, many.maps.nodePatched({ id, endpoints }, ++many.sequence)));
  });
  row({ name: 'another endpoint, median', unit: 'ms', most: 5 }, median(told.map(({ ms }) => ms)));
  const bytes = told.map(({ result }) => largest(result));
  row({ name: 'bytes of another endpoint for each peer', unit: 'B', most: 250 }, largest(bytes));
}

/** Serialises what is said to each, and tells how many bytes it is. */
function sent({ headOf }, told) {
  return told.map((one) => Buffer.from(headOf(one)).length + one.notice.body.length);
}

function timed(work) {
  const begun = performance.now();
  const result = work();
  return { result, ms: performance.now() - begun };
}

/** Each node says what it has, and has missed nothing or one change. */
function reconnects() {
  const known = many.nodes.slice(0, RECONNECTS).map(({ id }) => [id, many.maps.expected(id)]);
  many.maps.nodeJoined(nodeOf(many.next++, many.shape), ++many.sequence);
  const { result, ms } = timed(() =>
    known.map(([id, has]) => {
      const resumed = many.maps.resume(id, has);
      if (resumed.kind === 'current') return 0;
      const bytes = sent(many, resumed.kind === 'whole' ? [resumed.told] : resumed.told);
      return bytes.reduce((sum, one) => sum + one, 0);
    }),
  );
  row({ name: `${known.length} reconnects`, unit: 'ms' }, ms);
  row({ name: 'bytes of the dearest of them', unit: 'B', most: 1_000 }, largest(result));
}

function largest(numbers) {
  return numbers.reduce((most, one) => Math.max(most, one), 0);
}

function quantile(numbers, part) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

function row({ name, unit, least, most }, number) {
  const value = rounded(number);
  const pass = (most === undefined || value <= most) && (least === undefined || value >= least);
  rows.push({ name, value, unit, least, most, pass });
  if (options.json) return;
  const bounds = [least && `at least ${least}`, most && `at most ${most}`].filter(Boolean);
  const target = bounds.length > 0 ? `(${bounds.join(', ')})` : '';
  console.log(`${pass ? 'ok   ' : 'SHORT'} ${name.padEnd(50)} ${value} ${unit} ${target}`);
}
