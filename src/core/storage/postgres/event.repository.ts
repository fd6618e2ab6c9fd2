import { type Kysely, sql } from 'kysely';

import type { Event, EventFilter, EventType } from '../../types/models/event.js';

interface NewEvent {
  readonly type: EventType;
  readonly object: { readonly kind: string; readonly id: string };
  readonly payload: Readonly<Record<string, unknown>>;
  /** Whom it concerns; absent, everyone. */
  readonly memberId?: string;
}

interface EventRow {
  readonly id: string;
  readonly type: string;
  readonly object_kind: string;
  readonly object_id: string;
  readonly payload: Record<string, unknown>;
  readonly created_at: Date;
  readonly member_id: string | null;
}

/**
 * Appends an event in the caller's transaction. Do it last: from here to the commit no other transaction can append,
 * which is what makes cursors rise in commit order.
 */
export async function appendEvent(db: Kysely<unknown>, event: NewEvent): Promise<void> {
  await sql`select append_event(${event.type}, ${event.object.kind}, ${event.object.id},
    ${JSON.stringify(event.payload)}::jsonb, ${event.memberId ?? null}::uuid)`.execute(db);
}

function eventOf(row: EventRow): Event {
  return {
    cursor: row.id,
    type: row.type,
    object: { kind: row.object_kind, id: row.object_id },
    payload: row.payload,
    createdAt: row.created_at,
    ...(row.member_id === null ? {} : { memberId: row.member_id }),
  };
}

/** Events, read by cursor and pruned from the old end. */
export class EventRepository {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    this.#db = db;
  }

  async listAfter(cursor: bigint, limit: number): Promise<readonly Event[]> {
    const { rows } = await sql<EventRow>`
      select * from events where id > ${cursor} order by id limit ${limit}`.execute(this.#db);
    return rows.map(eventOf);
  }

  /**
   * Those that fit, oldest first: the first so many after the cursor, or the last. Looks through what is kept at most, which is bounded, so that no
   * index has to be kept at every append.
   */
  async listFitting(
    cursor: bigint,
    { type, object, memberId }: EventFilter,
    { limit, last }: { readonly limit: number; readonly last: boolean },
  ): Promise<readonly Event[]> {
    const isPrefix = type?.endsWith('*') ?? false;
    const { rows } = await sql<EventRow>`
      select * from events where id > ${cursor}
        ${type === undefined || isPrefix ? sql`` : sql`and type = ${type}`}
        ${isPrefix ? sql`and starts_with(type, ${type?.slice(0, -1)})` : sql``}
        ${object === undefined ? sql`` : sql`and object_id = ${object}`}
        ${memberId === undefined ? sql`` : sql`and (member_id is null or member_id = ${memberId}::uuid)`}
      order by id ${last ? sql`desc` : sql`asc`} limit ${limit}`.execute(this.#db);
    const events = rows.map(eventOf);
    return last ? events.toReversed() : events;
  }

  async latestCursor(): Promise<bigint> {
    const { rows } = await sql<{ cursor: string }>`
      select coalesce((select max(id) from events), (select cursor from events_pruned)) as cursor`.execute(
      this.#db,
    );
    return BigInt(rows[0]?.cursor ?? 0);
  }

  /** Cursor of the newest event of a topic, which is the noun of its type; 0 before the first. */
  async topicCursor(topic: string): Promise<bigint> {
    const { rows } = await sql<{ cursor: string }>`
      select cursor from event_topics where topic = ${topic}`.execute(this.#db);
    return BigInt(rows[0]?.cursor ?? 0);
  }

  async prunedCursor(): Promise<bigint> {
    const { rows } = await sql<{ cursor: string }>`select cursor from events_pruned`.execute(
      this.#db,
    );
    return BigInt(rows[0]?.cursor ?? 0);
  }

  /** Keeps the newest `maxRows` and nothing older than `maxAgeDays`. Remembers how far it pruned. */
  async prune(maxRows: number, maxAgeDays: number): Promise<void> {
    await sql`
      with oldest as (
        select greatest(
          (select coalesce(max(id), 0) - ${maxRows} from events),
          (select coalesce(max(id), 0) from events where created_at < now() - make_interval(days => ${maxAgeDays}))
        ) as cursor
      ), pruned as (
        delete from events using oldest where events.id <= oldest.cursor returning events.id
      )
      update events_pruned set cursor = greatest(events_pruned.cursor, (select max(id) from pruned))
      where exists (select from pruned)`.execute(this.#db);
  }
}
