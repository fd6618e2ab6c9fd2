import { type Kysely, sql, type Transaction } from 'kysely';

import type {
  InvitationRow,
  MemberChange,
  MemberFilter,
  MemberStore,
} from '../../services/cooperative/member.ports.js';
import type { Member, MemberStatus, Named } from '../../types/models/member.js';

import { AppError } from '../../types/errors/app-error.js';
import { isUuid } from '../../utils/node-name.js';
import { isUniqueViolation } from './database-errors.js';
import { appendEvent } from './event.repository.js';
import { holdPlacement } from './placement-lock.js';
import { endAccess } from './session.repository.js';

interface MemberRow {
  readonly id: string;
  readonly name: string;
  readonly status: MemberStatus;
  readonly roles: readonly string[];
  readonly description: string | null;
  readonly former_name: string | null;
  readonly last_seen_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly version: string;
}

/** The members of the grid. */
export class MemberRepository implements MemberStore {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    this.#db = db;
  }

  async list(filter: MemberFilter): Promise<readonly Member[]> {
    const { rows } = await sql<MemberRow>`
      select * from members
      where (${filter.status ?? null}::text is null or status = ${filter.status ?? null})
        and (${filter.removed} or status <> 'removed')
        and (${filter.role ?? null}::text is null or ${filter.role ?? null} = any(roles))
        and (${filter.after ?? null}::text is null or name collate "C" > ${filter.after ?? null})
      order by name collate "C"
      limit ${filter.limit}`.execute(this.#db);
    return rows.map(toMember);
  }

  async find(ref: string): Promise<Member | undefined> {
    const { rows } = isUuid(ref)
      ? await sql<MemberRow>`select * from members where id = ${ref}`.execute(this.#db)
      : await sql<MemberRow>`select * from members where name = ${ref}`.execute(this.#db);
    return rows[0] && toMember(rows[0]);
  }

  async create(
    member: Pick<Member, 'id' | 'name' | 'roles' | 'description'>,
    invitation: InvitationRow,
    now: Date,
  ): Promise<Member> {
    return this.#db.transaction().execute(async (tx) => {
      const { rows } = await orNameTaken(
        member.name,
        sql<MemberRow>`
          insert into members (id, name, status, roles, description, created_at, updated_at)
          values (${member.id}, ${member.name}, 'invited', ${[...member.roles]}, nullif(${member.description ?? null}, ''), ${now}, ${now})
          returning *`.execute(tx),
      );
      await replaceInvitation(tx, member.id, invitation, now);
      return changed(tx, requireRow(rows[0], member.name), 'member.created');
    });
  }

  async update(id: string, change: MemberChange, now: Date): Promise<Member> {
    return this.#db.transaction().execute(async (tx) => {
      const before = await lockRow(tx, id);
      requireVersion(before, change.ifVersion);
      const status = statusAfter(before, change.disabled);
      const { rows } = await orNameTaken(
        change.name ?? before.name,
        sql<MemberRow>`
          update members set name = ${change.name ?? before.name}, roles = ${[...(change.roles ?? before.roles)]},
            description = nullif(${change.description ?? before.description}, ''), status = ${status},
            updated_at = ${now}, version = version + 1
          where id = ${id} returning *`.execute(tx),
      );
      if (change.invitation) await replaceInvitation(tx, id, change.invitation, now);
      if (status === 'disabled') await endAccess(tx, id, 'member disabled', now);
      return changed(tx, requireRow(rows[0], id), 'member.updated');
    });
  }

  async remove(
    id: string,
    transferTo: string | undefined,
    now: Date,
  ): Promise<{ member: Member; transferredNodes: number }> {
    return this.#db.transaction().execute(async (tx) => {
      await holdPlacement(tx);
      await lockRow(tx, id);
      // Before their nodes, as everywhere.
      const containers = await holdContainersOf(tx, id);
      const nodes = await handOver(tx, id, transferTo, now);
      await handOverContainers(tx, id, containers, transferTo, now);
      await endAccess(tx, id, 'member removed', now);
      await sql`delete from invitations where member_id = ${id}`.execute(tx);
      const { rows } = await sql<MemberRow>`
        update members set status = 'removed', former_name = name, name = name || '~' || left(id::text, 8),
          password_hash = null, updated_at = ${now}, version = version + 1
        where id = ${id} returning *`.execute(tx);
      for (const node of nodes) await tellOwner(tx, 'node', node);
      for (const container of containers) await tellOwner(tx, 'container', container);
      return {
        member: await changed(tx, requireRow(rows[0], id), 'member.removed'),
        transferredNodes: nodes.length,
      };
    });
  }
}

/** Nodes that live go to the heir; history stays with who made it. */
async function handOver(
  tx: Transaction<unknown>,
  id: string,
  heir: string | undefined,
  now: Date,
): Promise<readonly Named[]> {
  const { rows } = await sql<Named>`
    select id, name from nodes where owner_id = ${id} and status <> 'retired' order by id for update`.execute(
    tx,
  );
  if (rows.length === 0) return [];
  if (heir === undefined) {
    throw new AppError('MEMBER_OWNS_NODES', `This member owns ${rows.length} node(s).`, {
      nodes: rows.length,
    });
  }
  await sql`update nodes set owner_id = ${heir}, updated_at = ${now}, version = version + 1
    where owner_id = ${id} and status <> 'retired'`.execute(tx);
  return rows;
}

/** Containers that live go to the heir with the secrets that they name. No one else is to have the others, which go. */
async function handOverContainers(
  tx: Transaction<unknown>,
  id: string,
  containers: readonly Named[],
  heir: string | undefined,
  now: Date,
): Promise<void> {
  if (containers.length > 0 && heir === undefined) {
    throw new AppError('MEMBER_OWNS_NODES', `This member owns ${containers.length} container(s).`, {
      containers: containers.length,
    });
  }
  if (heir !== undefined && containers.length > 0) {
    const named = sql`exists (
      select from container_revisions r where r.container_id = any(${containers.map((one) => one.id)}::uuid[])
        and (r.spec ->> 'registryAuth' = s.name or r.spec -> 'secrets' @> jsonb_build_array(jsonb_build_object('name', s.name))))`;
    const { rows: both } = await sql<{ name: string }>`
      select s.name from secrets s join secrets o on o.name = s.name and o.owner_id = ${heir}
      where s.owner_id = ${id} and ${named} order by s.name limit 1`.execute(tx);
    if (both[0]) {
      throw new AppError(
        'MEMBER_OWNS_NODES',
        `Its containers use the secret "${both[0].name}", and its heir has another one of that name.`,
      );
    }
    await sql`update secrets s set owner_id = ${heir}, updated_at = ${now}, version = version + 1
      where s.owner_id = ${id} and ${named}`.execute(tx);
    await sql`update containers set owner_id = ${heir}, updated_at = ${now}, version = version + 1
      where owner_id = ${id} and removed_at is null`.execute(tx);
  }
  await sql`delete from secrets where owner_id = ${id}`.execute(tx);
}

async function holdContainersOf(tx: Transaction<unknown>, id: string): Promise<readonly Named[]> {
  const { rows } = await sql<Named>`
    select id, name from containers where owner_id = ${id} and removed_at is null order by id for update`.execute(
    tx,
  );
  return rows;
}

/** Last of all: who appends an event waits for nobody afterwards. */
async function tellOwner(
  tx: Transaction<unknown>,
  kind: 'node' | 'container',
  { id, name }: Named,
): Promise<void> {
  const payload = kind === 'node' ? { changed: ['owner'] } : { name, changed: ['owner'] };
  await appendEvent(tx, { type: `${kind}.updated`, object: { kind, id }, payload });
}

function statusAfter(before: MemberRow, disabled: boolean | undefined): MemberStatus {
  if (disabled === undefined) return before.status;
  if (disabled) return 'disabled';
  // Whoever never set a password goes back to waiting for it; which one it was, the password tells.
  return before.status === 'disabled' ? 'active' : before.status;
}

async function replaceInvitation(
  tx: Transaction<unknown>,
  memberId: string,
  invitation: InvitationRow,
  now: Date,
): Promise<void> {
  await sql`delete from invitations where member_id = ${memberId}`.execute(tx);
  await sql`insert into invitations (secret_hash, member_id, expires_at, created_at)
    values (${Buffer.from(invitation.hash)}, ${memberId}, ${invitation.expiresAt}, ${now})`.execute(
    tx,
  );
}

async function changed(
  tx: Transaction<unknown>,
  row: MemberRow,
  type: 'member.created' | 'member.updated' | 'member.removed',
): Promise<Member> {
  await appendEvent(tx, {
    type,
    object: { kind: 'member', id: row.id },
    payload: { name: row.name, status: row.status, roles: row.roles },
    memberId: row.id,
  });
  return toMember(row);
}

async function lockRow(tx: Transaction<unknown>, id: string): Promise<MemberRow> {
  const { rows } = await sql<MemberRow>`select * from members where id = ${id} for update`.execute(
    tx,
  );
  const row = requireRow(rows[0], id);
  if (row.status !== 'removed') return row;
  throw new AppError('MEMBER_NOT_FOUND', `Member "${id}" was removed.`, { member: id });
}

function requireVersion(row: MemberRow, wanted: number | undefined): void {
  if (wanted === undefined || Number(row.version) === wanted) return;
  throw new AppError('VERSION_CONFLICT', `Member "${row.name}" has version ${row.version} now.`, {
    version: Number(row.version),
  });
}

async function orNameTaken<T>(name: string, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    if (!isUniqueViolation(error)) throw error;
    throw new AppError('MEMBER_NAME_TAKEN', `There is a member "${name}" already.`, { name });
  });
}

function requireRow(row: MemberRow | undefined, ref: string): MemberRow {
  if (row) return row;
  throw new AppError('MEMBER_NOT_FOUND', `There is no member "${ref}".`, { member: ref });
}

function toMember(row: MemberRow): Member {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    roles: row.roles,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    version: Number(row.version),
    ...(row.description === null ? {} : { description: row.description }),
    ...(row.former_name === null ? {} : { formerName: row.former_name }),
    ...(row.last_seen_at === null ? {} : { lastSeenAt: row.last_seen_at }),
  };
}
