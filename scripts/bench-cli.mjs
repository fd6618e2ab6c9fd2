// How quickly the command line starts, as a multiple of a bare `node -e 0` of the same runtime in the same run. Absolute
// times say little on a busy machine, so all variants run interleaved, in a new random order each round, and a row is the
// median over the rounds of the ratio within a round. `--json` prints the document alone; the status is 1 when a row falls
// short.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { median, rounded, shuffled } from './bench-statistics.mjs';

const ENTRY = path.resolve('bin/syntropy.cjs');
const WARM_UP_ROUNDS = 3;
const COMMAND_TIMEOUT_MS = 30_000;
const DAEMON_TIMEOUT_MS = 180_000;
const MIB = 1024 * 1024;

const BASELINE = { name: 'node -e 0', argv: ['-e', '0'] };
/** Ratios to the baseline, from the project's goals. */
const VARIANTS = [
  { name: 'node list (one daemon call)', argv: [ENTRY, 'node', 'list'], target: 3.5 },
  { name: '--version', argv: [ENTRY, '--version'], target: 3 },
  { name: '--help', argv: [ENTRY, '--help'], target: 3 },
  { name: 'node list --help', argv: [ENTRY, 'node', 'list', '--help'], target: 3 },
  { name: 'completion of node names', argv: [ENTRY, '__complete', 'nodes'], target: 1.7 },
];
const MAX_RSS_MIB = 65;

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '21' },
  },
});

const home = await mkdtemp(path.join(os.tmpdir(), 'syntropy-bench-'));
const stateDir = path.join(home, 'state');
const env = {
  PATH: process.env.PATH,
  HOME: home,
  SYNTROPY_STATE_DIR: stateDir,
  SYNTROPY_CLUSTER_ROOT: path.join(home, 'clusters'),
};
// As root, Postgres runs as another account, which must be able to pass through.
await chmod(home, 0o755);
try {
  await run([ENTRY, 'daemon', 'start'], { timeoutMs: DAEMON_TIMEOUT_MS });
  const rows = await measure(Number(options.rounds));
  rows.push(await memoryRow());
  print({ load: os.loadavg(), rows });
  if (rows.some((row) => !row.pass)) process.exitCode = 1;
} finally {
  await run([ENTRY, 'daemon', 'stop'], { timeoutMs: DAEMON_TIMEOUT_MS }).catch(() => undefined);
  await rm(home, { recursive: true, force: true });
}

async function measure(rounds) {
  const all = [BASELINE, ...VARIANTS];
  const times = new Map(all.map((variant) => [variant, []]));
  for (let round = 0; round < WARM_UP_ROUNDS + rounds; round += 1) {
    for (const variant of shuffled(all)) {
      const { ms } = await run(variant.argv);
      if (round >= WARM_UP_ROUNDS) times.get(variant).push(ms);
    }
  }
  const bare = times.get(BASELINE);
  return VARIANTS.map((variant) => {
    const value = median(times.get(variant).map((ms, round) => ms / bare[round]));
    return {
      name: variant.name,
      value: rounded(value),
      unit: 'x node -e 0',
      baseline: rounded(median(bare)),
      target: variant.target,
      pass: value <= variant.target,
    };
  });
}

/** Peak memory of the command with a daemon call. Told by the process itself, just before its end. */
async function memoryRow() {
  const preload = path.join(home, 'peak-memory.cjs');
  const report = path.join(home, 'peak-memory');
  // VmHWM and not ru_maxrss: that one is inherited from the process that starts another.
  await writeFile(
    preload,
    `const fs = require('node:fs');
     process.on('exit', () => {
       const kib = process.platform === 'linux'
         ? Number(/VmHWM:\\s+(\\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1])
         : process.resourceUsage().maxRSS;
       fs.writeFileSync(${JSON.stringify(report)}, String(kib * 1024));
     });`,
  );
  const peak = async (argv) => {
    await run(['--require', preload, ...argv]);
    return Number(await readFile(report, 'utf8')) / MIB;
  };
  const value = median([await peak(VARIANTS[0].argv), await peak(VARIANTS[0].argv)]);
  return {
    name: `${VARIANTS[0].name}: peak memory`,
    value: rounded(value),
    unit: 'MiB',
    baseline: rounded(await peak(BASELINE.argv)),
    target: MAX_RSS_MIB,
    pass: value <= MAX_RSS_MIB,
  };
}

/** Runs Node once. A command that fails quickly would look like a fast one, so any other status than 0 is an error. */
async function run(argv, { timeoutMs = COMMAND_TIMEOUT_MS } = {}) {
  const began = performance.now();
  const child = spawn(process.execPath, argv, {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: timeoutMs,
  });
  const [status, signal] = await once(child, 'exit');
  const ms = performance.now() - began;
  if (status !== 0) {
    throw new Error(`${argv.join(' ')} ended with ${signal ?? `status ${status}`}.`);
  }
  return { ms };
}

function print(document) {
  if (options.json) {
    console.log(JSON.stringify(document, undefined, 2));
    return;
  }
  console.log(`load ${document.load.map(rounded).join(' ')}`);
  for (const { name, value, unit, baseline, target, pass } of document.rows) {
    console.log(
      `${pass ? 'ok   ' : 'SHORT'} ${name.padEnd(44)} ${String(value).padStart(6)} ${unit}` +
        ` (at most ${target}; node -e 0: ${baseline} ${unit === 'MiB' ? 'MiB' : 'ms'})`,
    );
  }
}
