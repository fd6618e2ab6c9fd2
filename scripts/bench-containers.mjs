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
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    // What is under way fails when its engine goes, and says nothing that matters.
    process.on('unhandledRejection', () => undefined);
    await made.disposeAsync().catch((error) => console.error(error));
    process.exit(130);
  });
}

try {
  const { startDocker } = await loadSource('test/support/engines.ts');
  const engine = made.use(await startDocker());
  await engine.importBusybox(IMAGE);
  const docker = dockerCommand(engine);
  const load = [os.loadavg().map(rounded)];

  const rows = [...(await agentRows({ engine, docker, made }))];
  const grid = made.use(await openGrid(engine));
  rows.push(...(await gridRows({ grid, docker })));
  load.push(os.loadavg().map(rounded));
  print({ load, rows });
  if (rows.some(({ pass }) => !pass)) process.exitCode = 1;
} finally {
  if (!made.disposed) await made.disposeAsync();
}

function print(document) {
  if (options.json) {
    console.log(JSON.stringify(document));
    return;
  }
  console.log(`load before ${document.load[0].join(' ')}, after ${document.load[1].join(' ')}`);
  for (const { name, value, unit, baseline, target, pass } of document.rows) {
    const mark = pass ? 'ok   ' : 'SHORT';
    console.log(
      `${mark} ${name.padEnd(62)} ${value} ${unit} (at most ${target}; baseline ${baseline})`,
    );
  }
}
