import type { Permission } from '../core/types/constants/permissions.js';
import type { Named } from '../core/types/models/member.js';

import { ADMIN_ID, ADMIN_NAME } from '../core/types/constants/admin.js';
import { allPermissions } from '../core/types/constants/permissions.js';

/** Who calls, as the transport found out. */
export interface Subject extends Named {
  readonly roles: readonly string[];
  /** In the order of the alphabet. */
  readonly permissions: ReadonlySet<Permission>;
  /** How they proved it; `none` for a call without any proof. */
  readonly via: 'socket' | 'session' | 'token' | 'none';
  /** The administrator behind `--as`. */
  readonly actor?: Named;
  readonly sessionId?: string;
  /** When what they showed is no longer good. */
  readonly expiresAt?: Date;
}

/** Nobody in particular: may call what is public. */
export const anonymous: Subject = {
  id: 'anonymous',
  name: 'anonymous',
  roles: [],
  permissions: new Set(),
  via: 'none',
};

/** Whoever can open the local socket. */
export const localAdmin: Subject = {
  id: ADMIN_ID,
  name: ADMIN_NAME,
  roles: ['admin'],
  permissions: new Set(allPermissions.toSorted()),
  via: 'socket',
};
