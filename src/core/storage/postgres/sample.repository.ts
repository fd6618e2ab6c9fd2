import { type Kysely, sql, type Transaction } from 'kysely';

import type { SampleStore } from '../../services/node/sample.ports.js';
import type { SampleAt } from '../../types/models/sample.js';
import type { HistoryPlan, Retention } from '../../utils/history.js';

import {
  LATEST_WITHIN_SECONDS,
  meanColumns,
  sampleColumns,
  type SampleRow,
  toSample,
} from './sample.rows.js';

/** Rolled up in one transaction, so that a daemon that was away for days catches up in pieces. */
const PIECE = { minute: '30 minutes', hour: '1 day' } as const;
const MAX_PIECES = 48;
/** A flush may commit a moment after the time that it notes. */
const SETTLED_SECONDS = 10;
/** Rows that one statement forgets. */
const PRUNE_PAGE = 50_000;

const tables = {
  raw: sql.table('node_samples'),
  minute: sql.table('node_samples_minute'),
  hour: sql.table('node_samples_hour'),
} as const;

/** How machines fared. */
export class SampleRepository implements SampleStore {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    this.#db = db;
  }

  async latest(nodeIds: readonly string[]): Promise<ReadonlyMap<string, SampleAt>> {
    const { rows } = await sql<SampleRow & { node_id: string }>`
      select s.* from unnest(${[...nodeIds]}::uuid[]) as n(id), lateral (
        select * from node_samples where node_id = n.id and at > now() - ${LATEST_WITHIN_SECONDS} * interval '1 second'
        order by at desc limit 1) s`.execute(this.#db);
    return new Map(rows.map((row) => [row.node_id, toSample(row)]));
  }

  async history(
    nodeId: string,
    { source, stepSeconds, sinceSeconds }: HistoryPlan & { readonly sinceSeconds: number },
  ): Promise<readonly SampleAt[]> {
    const step = sql`${stepSeconds} * interval '1 second'`;
    const { rows } = await sql<SampleRow>`
      with found as (${this.#found(nodeId, source, sinceSeconds)})
      select date_bin(${step}, f.at, 'epoch'::timestamptz) as at, ${meanColumns('samples')}
      from found f group by 1 order by 1`.execute(this.#db);
    return rows.map(toSample);
  }

  /** The source as far as it reaches, and then what is finer. */
  #found(nodeId: string, source: keyof Retention, sinceSeconds: number) {
    const since = sql`now() - ${sinceSeconds} * interval '1 second'`;
    const part = (
      table: keyof typeof tables,
      samples: string,
      from: ReturnType<typeof rolledUpUntil>,
    ) => sql`
      select at, ${sql.raw(samples)} as samples, ${sampleColumns} from ${tables[table]}
      where node_id = ${nodeId} and at >= greatest(${since}, ${from})`;
    const always = sql`'-infinity'::timestamptz`;
    const raw = part('raw', '1', source === 'raw' ? always : rolledUpUntil('minute'));
    if (source === 'raw') return raw;
    const minutes = part('minute', 'samples', source === 'minute' ? always : rolledUpUntil('hour'));
    if (source === 'minute') return sql`${minutes} union all ${raw}`;
    return sql`${part('hour', 'samples', always)} union all ${minutes} union all ${raw}`;
  }

  async rollUp(): Promise<void> {
    for (const resolution of ['minute', 'hour'] as const) {
      let isMore = true;
      for (let piece = 0; isMore && piece < MAX_PIECES; piece += 1) {
        isMore = await this.#db.transaction().execute((tx) => rollUpPiece(tx, resolution));
      }
    }
  }

  async prune(retention: Retention): Promise<void> {
    for (const source of ['raw', 'minute', 'hour'] as const) {
      for (let removed = PRUNE_PAGE; removed === PRUNE_PAGE;) {
        const { numAffectedRows = 0n } = await sql`
          delete from ${tables[source]} where ctid = any(array(
            select ctid from ${tables[source]} where at < now() - ${retention[source]} * interval '1 second'
            limit ${PRUNE_PAGE}))`.execute(this.#db);
        removed = Number(numAffectedRows);
      }
    }
  }
}

function rolledUpUntil(resolution: 'minute' | 'hour') {
  return sql`(select until from node_sample_rollups where resolution = ${resolution})`;
}

/** Whole minutes of what came, whole hours of whole minutes. Answers whether there may be more. */
async function rollUpPiece(
  tx: Transaction<unknown>,
  resolution: 'minute' | 'hour',
): Promise<boolean> {
  const source = resolution === 'minute' ? tables.raw : tables.minute;
  const weight = sql.raw(resolution === 'minute' ? '1' : 'samples');
  // Hours are made of minutes, as far as those reach.
  const reach =
    resolution === 'minute'
      ? sql`now() - ${SETTLED_SECONDS} * interval '1 second'`
      : sql`(select until from node_sample_rollups where resolution = 'minute')`;
  const { rows } = await sql<{ since: Date; until: Date }>`
    select r.until as since,
      date_trunc(${resolution}, least(r.until + ${PIECE[resolution]}::interval, ${reach}), 'UTC') as until
    from node_sample_rollups r where r.resolution = ${resolution} for update`.execute(tx);
  const [window] = rows;
  if (!window || window.until <= window.since) return false;
  await sql`
    insert into ${tables[resolution]} (node_id, at, samples, ${sampleColumns})
    select node_id, bin, sum(weight), ${meanColumns('weight')}
    from (select *, date_trunc(${resolution}, at, 'UTC') as bin, ${weight} as weight from ${source}
          where at >= ${window.since} and at < ${window.until}) s
    where exists (select from nodes n where n.id = s.node_id)
    group by node_id, bin
    on conflict (node_id, at) do nothing`.execute(tx);
  await sql`update node_sample_rollups set until = ${window.until} where resolution = ${resolution}`.execute(
    tx,
  );
  return true;
}
