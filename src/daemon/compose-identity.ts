import { randomUUID } from 'node:crypto';

import type { Limits } from './limits/policy.js';
import type { Parts } from './parts.js';

import { MemberService } from '../core/services/cooperative/member.service.js';
import { RoleService } from '../core/services/cooperative/role.service.js';
import { SessionService } from '../core/services/cooperative/session.service.js';
import { TokenService } from '../core/services/cooperative/token.service.js';
import { AccessRepository } from '../core/storage/postgres/access.repository.js';
import { KeyRepository } from '../core/storage/postgres/key.repository.js';
import { MemberRepository } from '../core/storage/postgres/member.repository.js';
import { RoleRepository } from '../core/storage/postgres/role.repository.js';
import { SessionRepository } from '../core/storage/postgres/session.repository.js';
import { TokenRepository } from '../core/storage/postgres/token.repository.js';
import { AppError } from '../core/types/errors/app-error.js';
import { createTokenIssuer, createTokenVerifier } from './auth/access-token.js';
import { Authenticator } from './auth/authenticator.js';
import { certificateSha256, ensureGridKeys, makeTokenKey } from './auth/grid-keys.js';
import { createPasswords } from './auth/passwords.js';
import { secrets } from './auth/secrets.js';
import { TokenKeys } from './auth/token-keys.js';
import { keyHandlers } from './operations/key.js';
import { memberHandlers } from './operations/member.js';
import { roleHandlers } from './operations/role.js';
import { sessionHandlers } from './operations/session.js';
import { tokenHandlers } from './operations/token.js';

/** Events after which nothing that was found out about callers holds any longer. */
const CHANGES_ACCESS = /^(member|role|session|token)\./;

/** Tells this grid from others, and is the same on all its replicas. */
export async function gridId({ database, masterKey }: Parts, now: () => Date): Promise<string> {
  const { ca } = await ensureGridKeys(new KeyRepository(database.db, masterKey), now());
  return certificateSha256(ca.publicPem).slice(0, 32);
}

/** Everything that is about who calls. */
export async function composeIdentity(parts: Parts, limits: Limits, now: () => Date) {
  const { db } = parts.database;
  const keyStore = new KeyRepository(db, parts.masterKey);
  const gridKeys = await ensureGridKeys(keyStore, now());
  const caSha256 = certificateSha256(gridKeys.ca.publicPem);
  const keys = new TokenKeys(keyStore, makeTokenKey);
  const tokenOptions = { keys, issuer: `urn:syntropy:grid:${caSha256.slice(0, 32)}`, now };

  const roles = new RoleService({ store: new RoleRepository(db), now });
  const memberStore = new MemberRepository(db);
  const members = new MemberService({ store: memberStore, roles, secrets, newId: randomUUID, now });
  const sessionStore = new SessionRepository(db);
  const sessions = new SessionService({
    store: sessionStore,
    passwords: createPasswords(),
    secrets,
    issuer: createTokenIssuer(tokenOptions),
    throttle: limits.logins,
    roles,
    newId: randomUUID,
    now,
  });
  const tokenStore = new TokenRepository(db);
  const tokens = new TokenService({ store: tokenStore, secrets, newId: randomUUID, now });
  const authenticator = new Authenticator({
    access: new AccessRepository(db),
    roles,
    verify: createTokenVerifier(tokenOptions),
    now,
  });
  return {
    authenticator,
    members,
    keys,
    keyStore,
    sessionStore,
    caSha256,
    caCertificate: gridKeys.ca.publicPem,
    /** The authority with its private half, for whoever issues a certificate. */
    authority: async () => {
      const [ca] = await keyStore.usable('ca', now());
      if (ca) return ca;
      throw new TypeError('There is no certificate authority.');
    },
    tokenRule: {
      any: 'tokens:any',
      find: async (id: string) => {
        const token = await tokenStore.find(id);
        if (token) return { id: token.id, ownerId: token.member.id };
        throw tokenNotFound(id);
      },
      hidden: tokenNotFound,
    } as const,
    /** Told what has happened, here or elsewhere; nothing when it is not known what. */
    onEvent: (type: string | undefined) => {
      if (type === undefined || CHANGES_ACCESS.test(type)) authenticator.forget();
      if (type === undefined || type.startsWith('key.')) keys.forget();
    },
    handlers: {
      ...sessionHandlers(sessions),
      ...memberHandlers(members),
      ...tokenHandlers(tokens, members),
      ...roleHandlers(roles),
      ...keyHandlers(keys, now),
    },
  };
}

function tokenNotFound(id: string): AppError {
  return new AppError('TOKEN_NOT_FOUND', `There is no token ${id}.`, { token: id });
}

export type Identity = Awaited<ReturnType<typeof composeIdentity>>;
