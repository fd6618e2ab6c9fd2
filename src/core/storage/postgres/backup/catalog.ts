import type { ClientBase } from 'pg';

export interface Table {
  readonly name: string;
  /** In their order, with the type to read their text as. Generated columns are left to Postgres. */
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

/** Values as text mean the same on every server when these are set. */
export const TEXT_SETTINGS = `set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'iso_8601';
  set local bytea_output = 'hex'; set local extra_float_digits = 1; set local xmloption = 'content'`;

/** The program’s own list of applied migrations; a restore makes it anew. */
export const MIGRATIONS_TABLE = 'schema_migrations';

/** Tables of the schema, without that of the migrations; a table comes after those that it refers to. */
export async function listTables(client: ClientBase): Promise<readonly Table[]> {
  const { rows } = await client.query<{ table: string; columns: Table['columns'] }>(`
    select c.relname as table,
           json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod))
                    order by a.attnum) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and c.relname <> '${MIGRATIONS_TABLE}'
      and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    group by c.relname order by c.relname`);
  const references = await listReferences(client);
  return inOrder(
    rows.map(({ table, columns }) => ({ name: table, columns })),
    references,
  );
}

export async function listSequences(client: ClientBase): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(`
    select relname as name from pg_class
    where relnamespace = current_schema()::regnamespace and relkind = 'S' order by relname`);
  return rows.map((row) => row.name);
}

async function listReferences(client: ClientBase): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rows } = await client.query<{ from: string; to: string[] }>(`
    select f.relname as from, array_agg(distinct t.relname::text) as to
    from pg_constraint k join pg_class f on f.oid = k.conrelid join pg_class t on t.oid = k.confrelid
    where k.contype = 'f' and k.connamespace = current_schema()::regnamespace and k.conrelid <> k.confrelid
    group by f.relname`);
  return new Map(rows.map((row) => [row.from, row.to]));
}

/** Depth first; of tables that refer to each other in a circle, the one that is met first comes last. */
function inOrder(
  tables: readonly Table[],
  references: ReadonlyMap<string, readonly string[]>,
): readonly Table[] {
  const byName = new Map(tables.map((table) => [table.name, table]));
  const done = new Set<Table>();
  const visiting = new Set<string>();
  const visit = (name: string) => {
    const table = byName.get(name);
    if (!table || done.has(table) || visiting.has(name)) return;
    visiting.add(name);
    for (const referred of references.get(name) ?? []) visit(referred);
    done.add(table);
  };
  for (const table of tables) visit(table.name);
  return [...done];
}
