import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';

import { documentOf, runCli, startCli } from '../../support/cli.js';
import { daemonWorld } from '../../support/daemon-world.js';
import { waitFor } from '../../support/wait-for.js';

const words = (line: string) => line.split(' ');
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

  it('shows the last ones of a topic and of an object, however much has happened since', async () => {
    await using world = await daemonWorld();
    const options = { stateDir: world.paths.stateDir };
    const { pool } = world.database;
    await pool.query(append('node.updated', 1));
    await pool.query(append('node.updated', 2));
    await pool.query(
      `select append_event('role.updated', 'role', 'other', '{}') from generate_series(1, 600)`,
    );
    const { cursor } = await world.client.call('events.list', {});

    const topic = documentOf(await runCli(words('events --topic node --limit 2 --json'), options));
    const one = documentOf(await runCli(words('events --object node-1 --json'), options));
    const none = documentOf(await runCli(words('events --object nothing --json'), options));

    expect(topic).toMatchObject({ events: [{ payload: { n: 1 } }, { payload: { n: 2 } }], cursor });
    expect(one).toMatchObject({ events: [{ payload: { n: 1 } }], cursor });
    expect(none).toMatchObject({ events: [], cursor });
  });

  it('finds what fits behind what does not, in one page', async () => {
    await using world = await daemonWorld();
    const { cursor: after } = await world.client.call('events.list', {});
    const { pool } = world.database;
    await pool.query(
      `select append_event('role.updated', 'role', 'other', '{}') from generate_series(1, 30)`,
    );
    for (let n = 1; n <= 3; n += 1) await pool.query(append('node.updated', n));
    await pool.query(append('role.updated', 4));
    const asked = { after, type: 'node.*', limit: 2 };

    const first = await world.client.call('events.list', asked);
    const second = await world.client.call('events.list', { ...asked, after: first.cursor });
    const { cursor: newest } = await world.client.call('events.list', {});

    expect(first.events.map(({ payload }) => payload['n'])).toEqual([1, 2]);
    expect(first.cursor).toBe(first.events.at(-1)?.cursor);
    expect(second.events.map(({ payload }) => payload['n'])).toEqual([3]);
    expect(second.cursor).toBe(newest);
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
