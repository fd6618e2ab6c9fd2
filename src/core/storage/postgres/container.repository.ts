import { type Kysely, sql, type Transaction } from 'kysely';

import type {
  ContainerFilter,
  ContainerState,
  ContainerStore,
  LeaseUsage,
  NodeRoom,
  PlacingRule,
  Rule,
  StoredContainer,
  StoredRevision,
} from '../../services/container/container.ports.js';
import type {
  Container,
  ContainerDetails,
  NodeEngine,
  Revision,
} from '../../types/models/container.js';
import type { Offer } from '../../types/models/agent.js';

import { AppError } from '../../types/errors/app-error.js';
import { isUuid } from '../../utils/node-name.js';
import { insertState, writeState } from './container-changes.js';
import { LEAVE_SECONDS, UNHEARD_SECONDS } from '../../types/constants/lease-patience.js';
import { isReachable, readStates, type RevisionRow, toRevision } from './container.rows.js';
import { holdPlacement } from './placement-lock.js';
import { SEALED_MORE_BYTES } from './sealed.js';
import { findUsage } from './usage.repository.js';

/** Of one member, that live at once. */
const MAX_LIVING = 1_000;
const MAX_REVISIONS = 100;
const TENDED_AT_ONCE = 500;

interface RoomRow {
  readonly id: string;
  readonly name: string;
  readonly is_reachable: boolean;
  readonly last_seen_at: Date | null;
  readonly is_drained: boolean;
  readonly labels: Record<string, string>;
  readonly offer: Offer | null;
  readonly engine: NodeEngine | null;
  readonly engine_problem: string | null;
  readonly cpu_millis: string;
  readonly memory_bytes: string;
  readonly host_ports: readonly string[] | null;
  readonly leases: string;
}

/** How rules and answers are made of what is stored: the rules’ own, given by whoever wires them. */
export interface ContainerViews {
  readonly details: (state: ContainerState) => ContainerDetails;
  readonly summary: (state: ContainerState) => Container;
  /** Throws where the secrets of a container are too long together. */
  readonly secretsFit: (bytes: number, container: string) => void;
}

/** Containers, their revisions and the places of their replicas. What a change is, rules say; here it is made of a piece. */
export class ContainerRepository implements ContainerStore {
  readonly #db: Kysely<unknown>;
  readonly #views: ContainerViews;

  constructor(db: Kysely<unknown>, views: ContainerViews) {
    this.#db = db;
    this.#views = views;
  }

  async list(filter: ContainerFilter): Promise<readonly Container[]> {
    const { key = null, value = null } = filter.label ?? {};
    const { rows } = await sql<{ id: string }>`
      select id from containers c
      where (${filter.removed} or removed_at is null or status = 'removing')
        and (${filter.status ?? null}::text is null or status = ${filter.status ?? null})
        and (${filter.nodeId ?? null}::uuid is null or exists (
          select from container_leases l where l.container_id = c.id and l.node_id = ${filter.nodeId ?? null} and l.ended_at is null))
        and (${key}::text is null or labels ? ${key})
        and (${value}::text is null or labels ->> ${key} = ${value})
        and (${filter.after ?? null}::text is null or name collate "C" > ${filter.after ?? null})
      order by name collate "C" limit ${filter.limit}`.execute(this.#db);
    const ids = rows.map(({ id }) => id);
    const states = await readStates(this.#db, ids);
    return ids.flatMap((id) => {
      const state = states.find(({ container }) => container.id === id);
      return state ? [this.#views.summary(state)] : [];
    });
  }

  async find(ref: string): Promise<ContainerDetails | undefined> {
    const id = await this.#idOf(ref);
    const state = id === undefined ? undefined : await this.state(id);
    return state && this.#views.details(state);
  }

  async state(id: string): Promise<ContainerState | undefined> {
    const [state] = await readStates(this.#db, [id]);
    return state;
  }

  rooms(): Promise<readonly NodeRoom[]> {
    return readRooms(this.#db);
  }

  async create(draft: ContainerState, place: PlacingRule): Promise<ContainerDetails> {
    return this.#db.transaction().execute(async (tx) => {
      await holdPlacement(tx);
      const { owner } = draft.container;
      const { rows } = await sql<{ count: string }>`
        select count(*) from containers where owner_id = ${owner.id} and removed_at is null`.execute(
        tx,
      );
      if (Number(rows[0]?.count) >= MAX_LIVING) {
        throw new AppError('LIMIT_REACHED', `${owner.name} has ${MAX_LIVING} containers already.`);
      }
      const volumesOf = await leftVolumes(tx, draft.container);
      const container = { ...draft.container, ...(volumesOf === undefined ? {} : { volumesOf }) };
      const after = place({ ...draft, container }, await readRooms(tx));
      await this.#requireSecrets(tx, after, []);
      await insertState(tx, after);
      return this.#views.details(after);
    });
  }

  alter(id: string, rule: Rule, ifVersion?: number): Promise<ContainerDetails> {
    return this.#db.transaction().execute((tx) => this.#change(tx, id, rule, ifVersion));
  }

  place(id: string, rule: PlacingRule, ifVersion?: number): Promise<ContainerDetails> {
    return this.#db.transaction().execute(async (tx) => {
      await holdPlacement(tx);
      const rooms = await readRooms(tx);
      return this.#change(tx, id, (state) => rule(state, rooms), ifVersion);
    });
  }

  async history(id: string): Promise<readonly Revision[]> {
    const { rows } = await sql<RevisionRow>`
      select * from container_revisions where container_id = ${id} order by revision desc limit ${MAX_REVISIONS}`.execute(
      this.#db,
    );
    return rows.map(toRevision);
  }

  async revision(id: string, revision: number): Promise<StoredRevision | undefined> {
    const { rows } = await sql<RevisionRow>`
      select * from container_revisions where container_id = ${id} and revision = ${revision}`.execute(
      this.#db,
    );
    return rows[0] && toRevision(rows[0]);
  }

  usage(id: string, since: Date | undefined): Promise<readonly LeaseUsage[]> {
    return findUsage(this.#db, id, since);
  }

  async toTend(after: string | undefined): Promise<readonly string[]> {
    const { rows } = await sql<{ id: string }>`
      select c.id from containers c
      where (${after ?? null}::uuid is null or c.id > ${after ?? null}::uuid) and c.status <> 'removed'
        and (c.desired <> 'removed' and c.replicas <>
            (select count(*) from container_leases l where l.container_id = c.id and l.ended_at is null and l.leaving_at is null)
          or c.status = 'removing' and not exists (select from container_leases l where l.container_id = c.id and l.ended_at is null)
          or exists (
            select from container_leases l join nodes n on n.id = l.node_id left join node_agents a on a.node_id = n.id
            where l.container_id = c.id and l.ended_at is null
              and (not ${isReachable} and (l.leaving_at is not null or c.status not in ('unknown', 'degraded', 'lost')
                  or (l.phase <> 'lost' and coalesce(a.last_seen_at, l.created_at) < now() - c.lost_after_seconds * interval '1 second'))
                or l.leaving_at < now() - case l.observed_generation when 0 then ${UNHEARD_SECONDS}::int else ${LEAVE_SECONDS}::int end * interval '1 second'
                  and a.observed_work_generation >= a.work_generation)))
      order by c.id limit ${TENDED_AT_ONCE}`.execute(this.#db);
    return rows.map(({ id }) => id);
  }

  async waiting(): Promise<readonly ContainerState[]> {
    const { rows } = await sql<{ id: string }>`
      select c.id from containers c
      where c.removed_at is null and c.desired <> 'removed' and c.replicas <>
        (select count(*) from container_leases l where l.container_id = c.id and l.ended_at is null and l.leaving_at is null)
      order by c.status_since, c.id limit ${TENDED_AT_ONCE}`.execute(this.#db);
    if (rows.length === 0) return [];
    const states = await readStates(
      this.#db,
      rows.map(({ id }) => id),
    );
    const byId = new Map(states.map((state) => [state.container.id, state]));
    return rows.flatMap(({ id }) => byId.get(id) ?? []);
  }

  async #change(
    tx: Transaction<unknown>,
    ref: string,
    rule: Rule,
    ifVersion: number | undefined,
  ): Promise<ContainerDetails> {
    const id = isUuid(ref) ? ref : await this.#idOf(ref);
    const [before] = id === undefined ? [] : await readStates(tx, [id], { lock: true });
    if (!before) {
      throw new AppError('CONTAINER_NOT_FOUND', `There is no container "${ref}".`, {
        container: ref,
      });
    }
    const { name, version } = before.container;
    if (ifVersion !== undefined && ifVersion !== version) {
      throw new AppError('VERSION_CONFLICT', `Container "${name}" has version ${version} now.`, {
        version,
      });
    }
    const after = rule(before);
    await this.#requireSecrets(tx, after, before.revisions);
    await writeState(tx, before, after);
    return this.#views.details(after);
  }

  /**
   * Holds the secrets that a new revision needs until it is there, so that nobody removes one meanwhile.
   * @throws {AppError} SECRET_NOT_FOUND, INPUT_INVALID where they are too long together.
   */
  async #requireSecrets(
    tx: Transaction<unknown>,
    { container, revisions }: ContainerState,
    before: readonly StoredRevision[],
  ): Promise<void> {
    const isMade = ({ revision }: StoredRevision) =>
      !before.some((one) => one.revision === revision);
    for (const { spec } of revisions.filter(isMade)) {
      const all = spec.secrets.map(({ name }) => name);
      const names = [...all, ...(spec.registryAuth === undefined ? [] : [spec.registryAuth])];
      if (names.length === 0) continue;
      const { rows } = await sql<{ name: string; bytes: number }>`
        select name, octet_length(encrypted) - ${SEALED_MORE_BYTES}::int as bytes from secrets
        where owner_id = ${container.owner.id} and name = any(${names}) order by id for key share`.execute(
        tx,
      );
      const missing = names.find((name) => !rows.some((row) => row.name === name));
      if (missing !== undefined) {
        throw new AppError('SECRET_NOT_FOUND', `There is no secret "${missing}".`, {
          secret: missing,
        });
      }
      this.#views.secretsFit(
        rows.reduce((sum, { bytes }) => sum + bytes, 0),
        container.name,
      );
    }
  }

  async #idOf(ref: string): Promise<string | undefined> {
    if (isUuid(ref)) return ref;
    const { rows } = await sql<{ id: string }>`
      select id from containers where name = ${ref} and removed_at is null`.execute(this.#db);
    return rows[0]?.id;
  }
}

/**
 * The container after which the volumes are called that the last one of this name and owner has left, also where it is only just being removed.
 * One whose volumes went with it has left none.
 */
async function leftVolumes(
  tx: Transaction<unknown>,
  { name, owner }: StoredContainer,
): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`
    select coalesce(c.volumes_of, c.id) as id from containers c
    where c.owner_id = ${owner.id} and coalesce(c.former_name, c.name) = ${name} and not c.remove_volumes and exists (
      select from container_revisions r, jsonb_array_elements(r.spec -> 'volumes') as v
      where r.container_id = c.id and v ->> 'source' not like '/%')
    order by c.created_at desc, c.id desc limit 1`.execute(tx);
  return rows[0]?.id;
}

/** Every node that has not been deleted, with what is reserved of it. */
async function readRooms(db: Kysely<unknown>): Promise<readonly NodeRoom[]> {
  const { rows } = await sql<RoomRow>`
    select n.id, n.name, ${isReachable} as is_reachable, a.last_seen_at, n.drained_at is not null as is_drained, n.labels, n.offer,
      a.engine, a.engine_problem, coalesce(t.cpu_millis, 0) as cpu_millis, coalesce(t.memory_bytes, 0) as memory_bytes,
      t.host_ports, coalesce(t.leases, 0) as leases
    from nodes n left join node_agents a on a.node_id = n.id and a.approval = 'approved'
      left join (
        select node_id, sum(cpu_millis) as cpu_millis, sum(memory_bytes) as memory_bytes, count(*) as leases,
          (select array_agg(port) from container_leases o, unnest(o.host_ports) as port
            where o.node_id = l.node_id and o.ended_at is null) as host_ports
        from container_leases l where ended_at is null group by node_id
      ) t on t.node_id = n.id
    where n.status <> 'retired' order by n.name collate "C"`.execute(db);
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    isReachable: row.is_reachable,
    ...(row.last_seen_at === null ? {} : { lastSeenAt: row.last_seen_at }),
    isDrained: row.is_drained,
    labels: row.labels,
    offer: row.offer ?? undefined,
    engine: row.engine ?? undefined,
    ...(row.engine_problem === null ? {} : { engineProblem: row.engine_problem }),
    taken: {
      cpuMillis: Number(row.cpu_millis),
      memoryBytes: Number(row.memory_bytes),
      hostPorts: row.host_ports ?? [],
    },
    leases: Number(row.leases),
  }));
}
