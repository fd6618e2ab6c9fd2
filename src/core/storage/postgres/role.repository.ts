import { type Kysely, sql } from 'kysely';

import type { RoleStore } from '../../services/cooperative/member.ports.js';
import type { Role } from '../../types/models/member.js';

import { isPermission } from '../../types/constants/permissions.js';
import { AppError } from '../../types/errors/app-error.js';
import { appendEvent } from './event.repository.js';

interface RoleRow {
  readonly name: string;
  readonly summary: string;
  readonly permissions: readonly string[];
}

/** The roles that this grid has made for itself. */
export class RoleRepository implements RoleStore {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    this.#db = db;
  }

  async list(): Promise<readonly Role[]> {
    const { rows } = await sql<RoleRow>`
      select name, summary, permissions from roles order by name collate "C"`.execute(this.#db);
    return rows.map(toRole);
  }

  async set(role: Omit<Role, 'builtIn'>, now: Date): Promise<Role> {
    return this.#db.transaction().execute(async (tx) => {
      const { rows } = await sql<RoleRow>`
        insert into roles (name, summary, permissions, created_at, updated_at)
        values (${role.name}, ${role.summary}, ${[...role.permissions]}, ${now}, ${now})
        on conflict (name) do update set summary = excluded.summary, permissions = excluded.permissions,
          updated_at = excluded.updated_at
        returning name, summary, permissions`.execute(tx);
      await appendEvent(tx, {
        type: 'role.updated',
        object: { kind: 'role', id: role.name },
        payload: { permissions: role.permissions },
      });
      return toRole(requireRow(rows[0], role.name));
    });
  }

  async remove(name: string): Promise<Role> {
    return this.#db.transaction().execute(async (tx) => {
      const { rows } = await sql<RoleRow>`
        delete from roles where name = ${name} returning name, summary, permissions`.execute(tx);
      const role = requireRow(rows[0], name);
      const { rows: holders } = await sql<{ name: string }>`
        select name from members where ${name} = any(roles) and status <> 'removed' limit 1`.execute(
        tx,
      );
      if (holders[0]) {
        throw new AppError('ROLE_IN_USE', `${holders[0].name} and perhaps others have it.`, {
          role: name,
          member: holders[0].name,
        });
      }
      await appendEvent(tx, {
        type: 'role.removed',
        object: { kind: 'role', id: name },
        payload: {},
      });
      return toRole(role);
    });
  }
}

function requireRow(row: RoleRow | undefined, name: string): RoleRow {
  if (row) return row;
  throw new AppError('ROLE_NOT_FOUND', `There is no role "${name}".`, { role: name });
}

/** A permission that this program does not know (any more) allows nothing. */
function toRole({ name, summary, permissions }: RoleRow): Role {
  return { name, summary, permissions: permissions.filter(isPermission), builtIn: false };
}
