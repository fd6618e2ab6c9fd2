import path from 'node:path';
import pg from 'pg';

import { ADMIN_ID } from '../../../types/constants/admin.js';
import { AppError } from '../../../types/errors/app-error.js';
import { writeFileAtomic } from '../../files/atomic-file.js';
import { migrateInTransaction } from '../migrate.js';
import { listTables, MIGRATIONS_TABLE, type Table, TEXT_SETTINGS } from './catalog.js';
import { invalid } from './container.js';
import { type Backup, readRecords, type Row } from './records.js';

const INSERT_ROWS = 500;
const INSERT_BYTES = 4 << 20;
const CONNECT_TIMEOUT_MS = 10_000;
const QUERY_TIMEOUT_MS = 10 * 60_000;
/** A daemon that gave a sign of life within this time may still be writing. */
const ALIVE = '30 seconds';
/** A connection that works on a table for longer than this is a program's that was not stopped. */
const LOCK_TIMEOUT = '30s';

export interface RestoreTarget {
  readonly connection: pg.ClientConfig;
  readonly stateDir: string;
  readonly migrations: string;
  /** Replace what is there. */
  readonly yes: boolean;
  /** The daemon of this state directory, which is known not to run. */
  readonly ownDaemonId: string | undefined;
}

/**
 * Puts a verified backup in the place of all that the database holds, brings it to this program's schema, and then writes the
 * files. The database changes in one transaction. Should the host fail between that and the files, the same restore again
 * completes it. Call it under the state lock.
 * @throws {AppError} RESTORE_REFUSED, BACKUP_INVALID; nothing has changed then.
 */
export async function restoreBackup(backup: Backup, target: RestoreTarget): Promise<void> {
  const client = new pg.Client({
    ...target.connection,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    application_name: 'syntropy-restore',
  });
  // A connection that breaks between two queries fails the next one.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('begin');
    await client.query(TEXT_SETTINGS);
    await requireReplaceable(client, target);
    await clearSchema(client);
    await migrateInTransaction(client, target.migrations, backup.header.schemaVersion);
    await load(client, backup.file);
    await migrateInTransaction(client, target.migrations);
    await client.query('commit');
  } finally {
    // Before a commit, this takes everything back.
    await client.end().catch(() => undefined);
  }
  for (const [name, content] of backup.files) {
    await writeFileAtomic(path.join(target.stateDir, name), content);
  }
}

async function requireReplaceable(client: pg.Client, target: RestoreTarget): Promise<void> {
  const tables = await listTables(client);
  const { rows } = await client.query<{ ours: boolean }>(
    `select to_regclass('${MIGRATIONS_TABLE}') is not null as ours`,
  );
  if (rows[0]?.ours !== true) {
    if (tables.length === 0) return;
    throw refused('The database holds tables of another program. Use one of its own.');
  }
  if (tables.some(({ name }) => name === 'daemons')) {
    const alive = await client.query(
      `select from daemons where heartbeat_at > now() - $1::interval and id::text is distinct from $2`,
      [ALIVE, target.ownDaemonId ?? null],
    );
    if (alive.rowCount !== 0)
      throw refused('Another daemon works on this database. Stop it first.');
  }
  // Held to the end: no daemon can begin to work on what is about to go.
  await client.query(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
  for (const { name } of tables) await client.query(`lock table ${pg.escapeIdentifier(name)}`);
  if (target.yes) return;
  for (const { name } of tables) {
    const found = await client.query(
      `select from ${pg.escapeIdentifier(name)} where ${BORN_WITH[name] ?? 'true'} limit 1`,
    );
    if (found.rowCount !== 0) throw refused('The database is not empty.');
  }
}

/** Tables that the schema itself begins with a row in, and how to tell any other. */
const BORN_WITH: Readonly<Record<string, string>> = {
  events_pruned: 'false',
  audit_anchor: 'seq > 0',
  members: `id <> '${ADMIN_ID}'`,
};

/** Drops what this account owns in the schema, but for parts of extensions: the migrations make it again. */
async function clearSchema(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(`
    select format('drop %s if exists %s cascade', kind, name) as statement from (
      select 1 as step, case relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end as kind,
             oid::regclass::text as name, oid, 'pg_class'::regclass as catalog
      from pg_class
      where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'v', 'm')
        and pg_has_role(relowner, 'usage')
      union all
      select 2, case prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
             oid::regprocedure::text, oid, 'pg_proc'::regclass
      from pg_proc where pronamespace = current_schema()::regnamespace and pg_has_role(proowner, 'usage')
      union all
      select 3, 'sequence', oid::regclass::text, oid, 'pg_class'::regclass
      from pg_class where relnamespace = current_schema()::regnamespace and relkind = 'S' and pg_has_role(relowner, 'usage')
      union all
      select 4, 'type', oid::regtype::text, oid, 'pg_type'::regclass
      from pg_type where typnamespace = current_schema()::regnamespace and typtype in ('e', 'd')
        and pg_has_role(typowner, 'usage')
    ) ours
    where not exists (select from pg_depend where classid = catalog and objid = ours.oid and deptype = 'e')
    order by step, kind, name`);
  for (const { statement } of rows) await client.query(statement);
}

/** Fills the tables. Triggers of ours rest meanwhile: they guard what daemons do, not what has been. */
async function load(client: pg.Client, file: string): Promise<void> {
  const tables = new Map((await listTables(client)).map((table) => [table.name, table]));
  for (const { name } of tables.values()) {
    await client.query(`alter table ${pg.escapeIdentifier(name)} disable trigger user`);
    // Rows that the migrations began with are in the backup too, as they were last.
    await client.query(`delete from ${pg.escapeIdentifier(name)}`);
  }
  let batch: Batch | undefined;
  for await (const record of readRecords(file)) {
    if (record.kind === 'row') {
      await batch?.add(record.row);
      continue;
    }
    await batch?.flush();
    batch = undefined;
    if (record.kind === 'table') {
      batch = new Batch(client, pick(file, tables.get(record.name), record.columns));
    } else if (record.kind === 'sequence') {
      await client.query('select setval(to_regclass($1), $2::bigint, $3)', [
        pg.escapeIdentifier(record.name),
        record.lastValue,
        record.isCalled,
      ]);
    }
  }
  await batch?.flush();
  for (const { name } of tables.values()) {
    await client.query(`alter table ${pg.escapeIdentifier(name)} enable trigger user`);
  }
}

/** The table with the backup's columns in the backup's order. */
function pick(file: string, table: Table | undefined, columns: readonly string[]): Table {
  const picked = columns.map((name) => table?.columns.find((column) => column.name === name));
  const known = picked.filter((column) => column !== undefined);
  if (!table || known.length !== columns.length) {
    throw invalid(file, 'its tables are not those of its schema version');
  }
  return { name: table.name, columns: known };
}

/** Rows of one table, inserted many at a time: a column is one array parameter. */
class Batch {
  readonly #client: pg.Client;
  readonly #table: Table;
  readonly #statement: string;
  #rows: Row[] = [];
  #bytes = 0;

  constructor(client: pg.Client, table: Table) {
    this.#client = client;
    this.#table = table;
    const names = table.columns.map(({ name }) => pg.escapeIdentifier(name)).join(', ');
    const values = table.columns.map(({ type }, at) => `c${at}::${type}`).join(', ');
    const arrays = table.columns.map((_, at) => `$${at + 1}::text[]`).join(', ');
    const aliases = table.columns.map((_, at) => `c${at}`).join(', ');
    this.#statement = `insert into ${pg.escapeIdentifier(table.name)} (${names}) overriding system value
      select ${values} from unnest(${arrays}) as given(${aliases})`;
  }

  async add(row: Row): Promise<void> {
    this.#rows.push(row);
    for (const value of row) this.#bytes += value?.length ?? 0;
    if (this.#rows.length >= INSERT_ROWS || this.#bytes >= INSERT_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#rows.length === 0) return;
    const columns = this.#table.columns.map((_, at) => this.#rows.map((row) => row[at]));
    await this.#client.query(this.#statement, columns);
    this.#rows = [];
    this.#bytes = 0;
  }
}

function refused(message: string): AppError {
  return new AppError('RESTORE_REFUSED', message);
}
