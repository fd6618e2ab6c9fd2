import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';

import { documentOf, runCli, startCli } from '../../support/cli.js';
import { daemonWorld } from '../../support/daemon-world.js';
import { waitFor } from '../../support/wait-for.js';

const append = (type: string, n: number) =>
  `select append_event('${type}', 'node', 'node-${n}', jsonb_build_object('n', ${n}))`;

// Goal: whoever follows events with the command sees each once, whatever happens to the connection.
describe('syntropy events', () => {
  it('shows the last ones, those after a cursor, and those of a topic', async () => {
    await using world = await daemonWorld();
    const options = { stateDir: world.paths.stateDir };
    for (let n = 1; n <= 6; n += 1) {
      await world.database.pool.query(append(n % 2 === 0 ? 'node.updated' : 'role.updated', n));
    }

    const last = documentOf(await runCli(['events', '--limit', '2', '--json'], options));
    const [first] = Object.values(last['events'] ?? []);
    const nodes = await runCli(['events', '--topic', 'node'], options);

    expect(last).toMatchObject({ schemaVersion: 1, events: [{}, {}], cursor: expect.any(String) });
    expect(first).toMatchObject({ payload: { n: 5 } });
    expect(nodes.stdout.trim().split('\n')).toHaveLength(3);
    expect(nodes.stdout).toMatch(/node\.updated +node-2 +\{"n":2\}/);
  });

  it('goes on after a restart of the daemon without loss or doubles', async () => {
    await using world = await daemonWorld();
    const options = { stateDir: world.paths.stateDir };
    const { cursor } = await world.client.call('events.list', {});
    const child = startCli(
      ['events', '--follow', '--topic', 'node', '--after', cursor, '--json'],
      options,
    );
    using _ = { [Symbol.dispose]: () => child.kill() };
    const seen: number[] = [];
    createInterface({ input: child.stdout ?? process.stdin }).on('line', (line) => {
      seen.push(JSON.parse(line).event.payload.n);
    });
    for (let n = 1; n <= 5; n += 1) await world.database.pool.query(append('node.updated', n));
    await waitFor('five events', () => seen.length === 5);

    await world.restart();
    for (let n = 6; n <= 10; n += 1) await world.database.pool.query(append('node.updated', n));

    await waitFor('ten events', () => seen.length >= 10, 30_000);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('says what to do when its cursor is no longer kept', async () => {
    await using world = await daemonWorld();
    await world.database.pool.query('delete from events; update events_pruned set cursor = 900');

    const result = await runCli(['events', '--follow', '--after', '5', '--json'], {
      stateDir: world.paths.stateDir,
    });

    expect(documentOf(result)).toMatchObject({
      error: { code: 'CURSOR_EXPIRED', details: { oldestCursor: '900' } },
    });
    expect(result.status).toBe(1);
  });
});
