import fc from 'fast-check';
import { appendFile, chmod, cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { createBackup } from '../../../src/core/storage/postgres/backup/create.js';
import { programSchemaVersion } from '../../../src/core/storage/postgres/migrate.js';
import { everything, fillEveryTable, restore, temporaryFolder } from '../../support/backups.js';
import { freshDatabase, migrationsDirectory, testDatabases } from '../../support/postgres.js';
import { missing } from '../../support/requirements.js';

/** A filled database, the file it was backed up to, and an empty place to restore it into. */
async function backedUp(server: 'embedded' | 'PostgreSQL 15', into = server) {
  const folder = await temporaryFolder();
  const stateDir = path.join(folder.path, 'state');
  const otherState = path.join(folder.path, 'other');
  await mkdir(stateDir);
  await mkdir(otherState);
  await writeFile(path.join(stateDir, 'master.key'), 'the key\n', { mode: 0o600 });
  await writeFile(path.join(stateDir, 'config.toml'), 'publicUrl = "https://grid.example"\n');
  const database = await freshDatabase(server);
  const empty = await freshDatabase(into, { empty: true });
  await fillEveryTable(database.pool);
  const file = path.join(folder.path, 'grid.backup');
  const summary = await createBackup({ connection: database.connection, stateDir }, file);
  return {
    folder: folder.path,
    stateDir,
    otherState,
    database,
    empty,
    file,
    summary,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await empty[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

// Goal: what was backed up comes back whole, or nothing changes.
describe.each(testDatabases())('a backup on %s', (server) => {
  it('brings back every row, the sequences, the master key and the configuration', async () => {
    await using world = await backedUp(server);

    await restore(world.file, world.empty, world.otherState);

    expect(await everything(world.empty.pool)).toEqual(await everything(world.database.pool));
    for (const name of ['master.key', 'config.toml']) {
      const restored = path.join(world.otherState, name);
      expect(await readFile(restored)).toEqual(await readFile(path.join(world.stateDir, name)));
      expect((await stat(restored)).mode & 0o777).toBe(0o600);
    }
  });

  it('goes on with cursors where they were', async () => {
    await using world = await backedUp(server);
    await restore(world.file, world.empty, world.otherState);

    const append = `select append_event('a', 'b', 'c', '{}') as cursor`;
    const restored = await world.empty.pool.query(append);
    const original = await world.database.pool.query(append);

    expect(restored.rows).toEqual(original.rows);
    expect(restored.rows).toEqual([{ cursor: '1201' }]);
  });

  it('holds one instant, whatever is written meanwhile', async () => {
    await using world = await backedUp(server);
    const { pool, connection } = world.database;
    const file = path.join(world.folder, 'second.backup');
    // Each pair appears in one transaction; a backup that saw one without the other would tell.
    const stop = new AbortController();
    const writing = (async () => {
      for (let n = 0; !stop.signal.aborted; n += 1) {
        await pool.query(
          `with c as (insert into containers (name, image, status) values ($1, 'i', 'running'))
           insert into nodes (name, status) values ($1, 'online')`,
          [`pair-${n}`],
        );
      }
    })();

    await createBackup({ connection, stateDir: world.stateDir }, file).finally(() => {
      stop.abort();
    });
    await writing;

    await restore(file, world.empty, world.otherState);
    const { rows } = await world.empty.pool.query(
      `select count(*)::int as lone from nodes n full join (select name from containers) c using (name)
       where (n.id is null or c.name is null) and name like 'pair-%'`,
    );
    expect(rows).toEqual([{ lone: 0 }]);
  });

  it('is refused over what is there, unless that may be replaced', async () => {
    await using world = await backedUp(server);
    await using other = await freshDatabase(server);
    await other.pool.query(`insert into nodes (name, status) values ('mine', 'online')`);
    const before = await everything(other.pool);

    await expect(restore(world.file, other, world.otherState)).rejects.toMatchObject({
      code: 'RESTORE_REFUSED',
    });
    expect(await everything(other.pool)).toEqual(before);
    expect(await readdir(world.otherState)).toEqual([]);

    await restore(world.file, other, world.otherState, { yes: true });
    expect(await everything(other.pool)).toEqual(await everything(world.database.pool));
  });

  it('is refused while another daemon works on the database', async () => {
    await using world = await backedUp(server);
    await using other = await freshDatabase(server);
    await other.pool.query(
      `insert into daemons (id, host, pid, started_at, heartbeat_at) values (gen_random_uuid(), 'h', 1, now(), now())`,
    );

    await expect(restore(world.file, other, world.otherState, { yes: true })).rejects.toMatchObject(
      { code: 'RESTORE_REFUSED' },
    );
  });

  it('never touches the tables of another program', async () => {
    await using world = await backedUp(server);
    await world.empty.pool.query('create table accounts (id int)');

    await expect(
      restore(world.file, world.empty, world.otherState, { yes: true }),
    ).rejects.toMatchObject({ code: 'RESTORE_REFUSED' });
    expect(Object.keys(await everything(world.empty.pool))).toEqual(['accounts']);
  });

  it('of an older schema is brought to the program’s', async () => {
    await using world = await backedUp(server);
    const migrations = path.join(world.folder, 'migrations');
    await cp(migrationsDirectory, migrations, { recursive: true });
    const next = (await programSchemaVersion(migrationsDirectory)) + 1;
    await writeFile(
      path.join(migrations, `${String(next).padStart(4, '0')}-next.sql`),
      `alter table nodes add column upper_name text; update nodes set upper_name = upper(name);`,
    );

    await restore(world.file, world.empty, world.otherState, { migrations });

    const { rows } = await world.empty.pool.query('select upper_name from nodes order by 1');
    expect(rows).toEqual([{ upper_name: 'NODE-01' }, { upper_name: 'OLD~1' }]);
  });

  it('of a newer schema is refused', async () => {
    await using world = await backedUp(server);
    await world.database.pool.query(
      `insert into schema_migrations (version, name, checksum) values (999, 'future', '')`,
    );
    const file = path.join(world.folder, 'newer.backup');
    await createBackup({ connection: world.database.connection, stateDir: world.stateDir }, file);

    await expect(restore(file, world.empty, world.otherState)).rejects.toMatchObject({
      code: 'SCHEMA_TOO_NEW',
    });
  });
});

describe('a backup file', () => {
  it('is refused with any one byte changed, and the database stays as it was', async () => {
    await using world = await backedUp('embedded');
    const bytes = await readFile(world.file);
    const damaged = path.join(world.folder, 'damaged.backup');
    const flip = fc.record({
      at: fc.oneof(fc.nat({ max: 60 }), fc.nat({ max: bytes.length - 1 })),
      bit: fc.nat({ max: 7 }),
    });

    await fc.assert(
      fc.asyncProperty(flip, async ({ at, bit }) => {
        const copy = Buffer.from(bytes);
        copy.writeUInt8(copy.readUInt8(at) ^ (1 << bit), at);
        await writeFile(damaged, copy);
        await expect(restore(damaged, world.empty, world.otherState)).rejects.toMatchObject({
          code: 'BACKUP_INVALID',
        });
      }),
      { numRuns: 100 },
    );

    expect(await everything(world.empty.pool)).toEqual({});
    expect(await readdir(world.otherState)).toEqual([]);
  });

  it('is refused when cut short, when longer than written, when empty and when it is another file', async () => {
    await using world = await backedUp('embedded');
    const bytes = await readFile(world.file);
    const wrong = [
      bytes.subarray(0, -1),
      bytes.subarray(0, 40),
      Buffer.concat([bytes, Buffer.from([0])]),
      Buffer.alloc(0),
      Buffer.from('#!/bin/sh\n'.repeat(100)),
    ];

    for (const content of wrong) {
      const file = path.join(world.folder, 'wrong.backup');
      await writeFile(file, content);
      await expect(restore(file, world.empty, world.otherState)).rejects.toMatchObject({
        code: 'BACKUP_INVALID',
      });
    }
    await expect(restore(world.folder, world.empty, world.otherState)).rejects.toMatchObject({
      code: 'BACKUP_INVALID',
    });
    await expect(
      restore(path.join(world.folder, 'none'), world.empty, world.otherState),
    ).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('can be read by its owner alone, for it holds the master key', async () => {
    await using world = await backedUp('embedded');

    expect((await stat(world.file)).mode & 0o777).toBe(0o600);
    expect(world.summary).toMatchObject({
      path: world.file,
      sizeBytes: (await stat(world.file)).size,
      schemaVersion: await programSchemaVersion(migrationsDirectory),
    });
    expect(world.summary.rows).toBeGreaterThan(1100);
  });

  it('replaces another file only when told to, and leaves none behind when it fails', async () => {
    await using world = await backedUp('embedded');
    const source = { connection: world.database.connection, stateDir: world.stateDir };
    await appendFile(world.file, 'not to be lost');
    const before = await readFile(world.file);

    await expect(createBackup(source, world.file)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(await readFile(world.file)).toEqual(before);
    await expect(
      createBackup(source, path.join(world.folder, 'no', 'such', 'folder')),
    ).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(
      createBackup(source, path.join(world.folder, 'stopped'), { signal: AbortSignal.abort() }),
    ).rejects.toThrow('abort');
    await chmod(world.file, 0o600);
    await createBackup(source, world.file, { replace: true });

    expect(await readFile(world.file)).not.toEqual(before);
    expect((await readdir(world.folder)).toSorted()).toEqual(['grid.backup', 'other', 'state']);
  });

  it.skipIf(missing('postgres'))(
    'moves from one server to another of a newer version, and back',
    async () => {
      await using up = await backedUp('PostgreSQL 15', 'embedded');
      await using down = await backedUp('embedded', 'PostgreSQL 15');

      await restore(up.file, up.empty, up.otherState);
      await restore(down.file, down.empty, down.otherState);

      expect(await everything(up.empty.pool)).toEqual(await everything(up.database.pool));
      expect(await everything(down.empty.pool)).toEqual(await everything(down.database.pool));
    },
  );
});
