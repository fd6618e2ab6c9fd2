// What containers of the grid cost beside the bare engine: to make and start one, to deploy one by the command, twenty at once, a look that finds
// nothing to do, reading a log, counting use, and whether busy ones keep to what the owner lends. On a Docker of its own in a network namespace of
// its own; every ratio is to `docker run -d` or the like in the same run, round by round in a new order. Linux only, as root. `--json` prints the
// document alone; the status is 1 when a row falls short.
import os from 'node:os';
import { parseArgs } from 'node:util';

import { agentRows } from './bench-containers/agent-rows.mjs';
import { openGrid } from './bench-containers/grid.mjs';
import { gridRows } from './bench-containers/grid-rows.mjs';
import { dockerCommand, IMAGE } from './bench-containers/measure.mjs';
import { rounded } from './bench-statistics.mjs';
import { loadSource } from './load-source.mjs';

const { values: options } = parseArgs({ options: { json: { type: 'boolean', default: false } } });

const made = new AsyncDisposableStack();
let interrupted;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    // What is under way fails now, one way or another, and says nothing that matters.
    process.on('unhandledRejection', () => undefined);
    interrupted ??= made.disposeAsync().catch((error) => console.error(error));
    void interrupted.then(() => process.exit(130));
  });
}

try {
  await measured();
} catch (error) {
  if (!interrupted) throw error;
} finally {
  await (interrupted ?? made.disposeAsync());
}

async function measured() {
  const { startDocker } = await loadSource('test/support/engines.ts');
  const { removeCgroups } = await loadSource('test/support/leftovers.ts');
  const cgroups = [];
  // The last of all: as long as there is an engine, it starts again what is ended.
  made.defer(async () => {
    for (const name of cgroups) await removeCgroups(name);
  });
  const engine = made.use(await startDocker());
  await engine.importBusybox(IMAGE);
  const docker = dockerCommand(engine);
  const load = [os.loadavg().map(rounded)];

  const rows = [];
  const add = (row) => {
    rows.push(row);
    if (!options.json) print(row);
  };
  await agentRows({ engine, docker, made, cgroups, add });
  const grid = made.use(await openGrid(engine, cgroups));
  await gridRows({ grid, docker, add });
  load.push(os.loadavg().map(rounded));
  if (options.json) console.log(JSON.stringify({ load, rows }));
  else console.log(`load before ${load[0].join(' ')}, after ${load[1].join(' ')}`);
  if (rows.some(({ pass }) => !pass)) process.exitCode = 1;
}

function print({ name, value, unit, baseline, target, pass }) {
  const mark = pass ? 'ok   ' : 'SHORT';
  console.log(
    `${mark} ${name.padEnd(62)} ${value} ${unit} (at most ${target}; baseline ${baseline})`,
  );
}
