import { type Kysely, sql } from 'kysely';

import { AppError } from '../../types/errors/app-error.js';
import { HEARTBEAT_SECONDS, MISSED_HEARTBEATS } from '../../utils/node-life.js';
import { isUuid } from '../../utils/node-name.js';

const LIVE_SECONDS = HEARTBEAT_SECONDS * MISSED_HEARTBEATS;

interface Row {
  readonly lease: string | null;
  readonly replica: number;
  readonly phase: string;
  readonly node_id: string;
  readonly node_name: string;
  readonly session_id: string | null;
  readonly daemon_id: string | null;
}

/** Where the replicas of a container are, and over which connections their nodes are reached. */
export class ChannelRepository {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    this.#db = db;
  }

  /**
   * The replicas that have a place, in their order: all, or one. A node that is not connected has no `connection`.
   * @throws {AppError} CONTAINER_NOT_FOUND.
   */
  async leaseSessions(container: string, replica?: number) {
    const which = isUuid(container)
      ? sql`c.id = ${container}`
      : sql`c.name = ${container} and c.removed_at is null`;
    const { rows } = await sql<Row>`
      select l.id as lease, l.replica, l.phase, n.id as node_id, n.name as node_name, a.session_id, a.daemon_id
      from containers c
      left join container_leases l on l.container_id = c.id and l.ended_at is null
        and (${replica ?? null}::integer is null or l.replica = ${replica ?? null}::integer)
      left join nodes n on n.id = l.node_id
      left join node_agents a on a.node_id = l.node_id and a.approval = 'approved' and a.session_id is not null
        and a.last_seen_at > now() - ${LIVE_SECONDS} * interval '1 second'
      where ${which} order by l.replica`.execute(this.#db);
    if (rows.length === 0) {
      throw new AppError('CONTAINER_NOT_FOUND', `There is no container "${container}".`, {
        container,
      });
    }
    return rows.flatMap(({ lease, session_id: sessionId, daemon_id: daemonId, ...row }) =>
      lease === null
        ? []
        : [
            {
              lease,
              replica: row.replica,
              node: { id: row.node_id, name: row.node_name },
              isRunning: row.phase === 'running' || row.phase === 'unhealthy',
              ...(sessionId === null || daemonId === null
                ? {}
                : { connection: { sessionId, daemonId } }),
            },
          ],
    );
  }
}
