import { type Kysely, sql } from 'kysely';

/** A daemon that has said nothing for this long is taken for dead. */
const DEAD_AFTER = '30 seconds';

/** The daemons at work on this database. */
export class DaemonRepository {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    this.#db = db;
  }

  async register(daemon: {
    id: string;
    host: string;
    pid: number;
    startedAt: Date;
  }): Promise<void> {
    await sql`
      insert into daemons (id, host, pid, started_at, heartbeat_at)
      values (${daemon.id}, ${daemon.host}, ${daemon.pid}, ${daemon.startedAt}, now())
      on conflict (id) do update set host = excluded.host, pid = excluded.pid,
        started_at = excluded.started_at, heartbeat_at = excluded.heartbeat_at`.execute(this.#db);
  }

  async beat(id: string): Promise<void> {
    await sql`update daemons set heartbeat_at = now() where id = ${id}`.execute(this.#db);
  }

  async remove(id: string): Promise<void> {
    await sql`delete from daemons where id = ${id}`.execute(this.#db);
  }

  /** Those that still give a sign of life. */
  async alive(): Promise<readonly string[]> {
    const { rows } = await sql<{ id: string }>`
      select id from daemons where heartbeat_at > now() - ${DEAD_AFTER}::interval`.execute(
      this.#db,
    );
    return rows.map((row) => row.id);
  }
}
