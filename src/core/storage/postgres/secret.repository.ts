import { type Kysely, sql, type Transaction } from 'kysely';

import type { Secret, SecretStore } from '../../services/container/secret.ports.js';
import type { Named } from '../../types/models/member.js';

import { AppError } from '../../types/errors/app-error.js';
import { isUuid } from '../../utils/node-name.js';
import { appendEvent } from './event.repository.js';
import { seal, SEALED_MORE_BYTES, unseal } from './sealed.js';

/** Of one member. */
const MAX_SECRETS = 1_000;

interface SecretRow {
  readonly id: string;
  readonly name: string;
  readonly owner_id: string;
  readonly owner_name: string;
  readonly used_by: readonly Named[] | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly version: string;
}

/** Containers that live and have a secret in a revision that they may still run: of `secrets s`. */
const usedBy = sql.raw(`(
  select jsonb_agg(distinct jsonb_build_object('id', c.id, 'name', c.name)) from containers c
    join container_revisions r on r.container_id = c.id
  where c.owner_id = s.owner_id and c.removed_at is null
    and (r.revision in (c.revision, c.stable_revision)
      or r.revision in (select l.revision from container_leases l where l.container_id = c.id and l.ended_at is null))
    and (r.spec -> 'secrets' @> jsonb_build_array(jsonb_build_object('name', s.name)) or r.spec ->> 'registryAuth' = s.name)) as used_by`);

/** Secrets. What they are lies here encrypted (AES-256-GCM, bound to its id) under the master key, and leaves only for nodes that run a container with it. */
export class SecretRepository implements SecretStore {
  readonly #db: Kysely<unknown>;
  readonly #masterKey: Buffer;
  readonly #fits: (bytes: number, container: string) => void;

  /** @param fits - throws where so many bytes are too many for a container of that name. */
  constructor(
    db: Kysely<unknown>,
    masterKey: Buffer,
    fits: (bytes: number, container: string) => void,
  ) {
    this.#db = db;
    this.#masterKey = masterKey;
    this.#fits = fits;
  }

  async list(ownerId: string): Promise<readonly Secret[]> {
    const { rows } = await select(this.#db, sql`s.owner_id = ${ownerId}`);
    return rows.map(toSecret);
  }

  async find(ref: string, ownerId: string): Promise<Secret | undefined> {
    const which = isUuid(ref)
      ? sql`s.id = ${ref}`
      : sql`s.name = ${ref} and s.owner_id = ${ownerId}`;
    const { rows } = await select(this.#db, which);
    return rows[0] && toSecret(rows[0]);
  }

  /** How many bytes those of these names are that a member has. */
  async sizes(ownerId: string, names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (names.length === 0) return new Map();
    const { rows } = await sql<{ name: string; bytes: number }>`
      select name, octet_length(encrypted) - ${SEALED_MORE_BYTES}::int as bytes from secrets
      where owner_id = ${ownerId} and name = any(${[...names]})`.execute(this.#db);
    return new Map(rows.map(({ name, bytes }) => [name, bytes]));
  }

  /** What they are. @throws {AppError} CONFIG_INVALID when the master key is not the one that they were encrypted under. */
  async values(
    ownerId: string,
    names: readonly string[],
  ): Promise<ReadonlyMap<string, Uint8Array>> {
    if (names.length === 0) return new Map();
    const { rows } = await sql<{ id: string; name: string; encrypted: Buffer }>`
      select id, name, encrypted from secrets where owner_id = ${ownerId} and name = any(${[...names]})`.execute(
      this.#db,
    );
    return new Map(
      rows.map(({ id, name, encrypted }) => [
        name,
        unseal(this.#masterKey, `secret:${id}`, encrypted),
      ]),
    );
  }

  async set(
    { id, owner, name }: { readonly id: string; readonly owner: Named; readonly name: string },
    value: Uint8Array,
    now: Date,
  ): Promise<Secret> {
    return this.#db.transaction().execute(async (tx) => {
      // One member's secrets are counted and made one after the other.
      await sql`select from members where id = ${owner.id} for update`.execute(tx);
      const { rows: known } = await sql<{ id: string; name: string }>`
        select id, name from secrets where owner_id = ${owner.id}`.execute(tx);
      const before = known.find((secret) => secret.name === name);
      if (!before && known.length >= MAX_SECRETS) {
        throw new AppError('LIMIT_REACHED', `${owner.name} has ${MAX_SECRETS} secrets already.`);
      }
      const kept = before?.id ?? id;
      const sealed = seal(this.#masterKey, `secret:${kept}`, value);
      await sql`
        insert into secrets (id, owner_id, name, encrypted, created_at, updated_at)
        values (${kept}, ${owner.id}, ${name}, ${sealed}, ${now}, ${now})
        on conflict (id) do update set encrypted = excluded.encrypted, updated_at = excluded.updated_at,
          version = secrets.version + 1`.execute(tx);
      const secret = await read(tx, kept);
      await this.#requireFit(tx, secret);
      await tell(tx, 'secret.set', secret);
      return secret;
    });
  }

  /** Whoever uses it has to be told all of its secrets still. @throws {AppError} INPUT_INVALID. */
  async #requireFit(tx: Transaction<unknown>, { owner, usedBy: users }: Secret): Promise<void> {
    if (users.length === 0) return;
    const { rows } = await sql<{ name: string; bytes: string }>`
      select c.name, sum(octet_length(o.encrypted) - ${SEALED_MORE_BYTES}::int) as bytes
      from containers c join container_revisions r on r.container_id = c.id
        join secrets o on o.owner_id = ${owner.id} and (o.name = r.spec ->> 'registryAuth'
          or r.spec -> 'secrets' @> jsonb_build_array(jsonb_build_object('name', o.name)))
      where c.id = any(${users.map(({ id }) => id)}::uuid[]) and r.revision in (c.revision, c.stable_revision)
      group by c.id, r.revision order by bytes desc limit 1`.execute(tx);
    if (rows[0]) this.#fits(Number(rows[0].bytes), rows[0].name);
  }

  async remove(id: string): Promise<Secret> {
    return this.#db.transaction().execute(async (tx) => {
      // Before it is looked at who uses it: whoever deploys with it holds it.
      await sql`select from secrets where id = ${id} for update`.execute(tx);
      const secret = await read(tx, id);
      const [user] = secret.usedBy;
      if (user) {
        throw new AppError(
          'SECRET_IN_USE',
          `"${secret.name}" is used by ${secret.usedBy.map(({ name }) => `"${name}"`).join(', ')}.`,
          { secret: id, container: user.id },
        );
      }
      await sql`delete from secrets where id = ${id}`.execute(tx);
      await tell(tx, 'secret.removed', secret);
      return secret;
    });
  }
}

function select(db: Kysely<unknown>, which: ReturnType<typeof sql>) {
  return sql<SecretRow>`
    select s.id, s.name, s.owner_id, m.name as owner_name, s.created_at, s.updated_at, s.version, ${usedBy}
    from secrets s join members m on m.id = s.owner_id where ${which} order by s.name collate "C"`.execute(
    db,
  );
}

async function read(tx: Transaction<unknown>, id: string): Promise<Secret> {
  const { rows } = await select(tx, sql`s.id = ${id}`);
  if (rows[0]) return toSecret(rows[0]);
  throw new AppError('SECRET_NOT_FOUND', `There is no secret ${id}.`, { secret: id });
}

/** Its owner alone hears of it. */
async function tell(
  tx: Transaction<unknown>,
  type: 'secret.set' | 'secret.removed',
  { id, name, owner, version }: Secret,
): Promise<void> {
  const payload = { name, version };
  await appendEvent(tx, { type, object: { kind: 'secret', id }, payload, memberId: owner.id });
}

function toSecret(row: SecretRow): Secret {
  return {
    id: row.id,
    name: row.name,
    owner: { id: row.owner_id, name: row.owner_name },
    usedBy: row.used_by ?? [],
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    version: Number(row.version),
  };
}
