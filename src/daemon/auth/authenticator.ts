import type { AccessRepository } from '../../core/storage/postgres/access.repository.js';
import type { Permission } from '../../core/types/constants/permissions.js';
import type { RoleService } from '../../core/services/cooperative/role.service.js';
import type { Subject } from '../subject.js';
import type { AccessClaims } from './access-token.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { anonymous, localAdmin } from '../subject.js';
import { hashSecret } from './secrets.js';

/**
 * How long an answer is believed. Replicas are told of changes at once and forget then; this bounds what a lost message can do.
 */
const FRESH_MS = 5_000;
const MAX_KNOWN = 10_000;
/** Far more than any token of ours has; hashing or parsing more would be somebody else's wish. */
const MAX_TOKEN_CHARACTERS = 8_192;
const TOKEN_PREFIX = 'synpat_';

interface Known {
  readonly subject: Subject;
  readonly until: number;
}

interface Deps {
  readonly access: AccessRepository;
  readonly roles: RoleService;
  readonly verify: (token: string) => Promise<AccessClaims>;
  readonly now: () => Date;
}

/**
 * Says who calls by what they show. What was found out is kept for some seconds by the token itself, so that the signature of one is
 * checked, and the database asked, once in a while and not with every request.
 */
export class Authenticator {
  readonly #deps: Deps;
  readonly #known = new Map<string, Known>();
  /** Counts what was forgotten: an answer that was looked up before is not kept after. */
  #generation = 0;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /**
   * By the Authorization header. Without one, nobody in particular.
   * @throws {AppError} TOKEN_INVALID, DATABASE_UNAVAILABLE: what cannot be checked is not believed.
   */
  authenticate(authorization: string | undefined): Subject | Promise<Subject> {
    if (authorization === undefined) return anonymous;
    const known = this.#known.get(authorization);
    if (known && known.until > Date.now()) return known.subject;
    return this.#find(authorization);
  }

  /**
   * Who somebody is by now, whose stream goes on: of a session that still is, although the access token that it began with may have run out.
   * @throws {AppError} as `authenticate`; SESSION_ENDED.
   */
  async again(authorization: string | undefined, { id, sessionId }: Subject): Promise<Subject> {
    if (sessionId === undefined) return this.authenticate(authorization);
    return this.#ofSession(sessionId, id);
  }

  /** The local socket's administrator, or the member that they act as. @throws {AppError} MEMBER_NOT_FOUND. */
  async local(as: string | undefined): Promise<Subject> {
    if (as === undefined || as === localAdmin.name || as === localAdmin.id) return localAdmin;
    const member = await this.#deps.access.byMember(as);
    if (!member) throw new AppError('MEMBER_NOT_FOUND', `There is no active member "${as}".`);
    const permissions = await this.#deps.roles.permissionsOf(member.roles);
    const actor = { id: localAdmin.id, name: localAdmin.name };
    return { ...member, permissions, via: 'socket', actor };
  }

  /** Believes nothing any more: something about members, roles, sessions or tokens has changed. */
  forget(): void {
    this.#generation += 1;
    this.#known.clear();
  }

  async #find(authorization: string): Promise<Subject> {
    const token = bearer(authorization);
    const generation = this.#generation;
    const subject = token.startsWith(TOKEN_PREFIX)
      ? await this.#byAccessToken(token)
      : await this.#bySession(token);
    if (generation !== this.#generation) return subject;
    const expiresAt = subject.expiresAt?.getTime() ?? Infinity;
    this.#known.delete(authorization);
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size >= MAX_KNOWN) this.#known.delete(oldest);
    this.#known.set(authorization, { subject, until: Math.min(Date.now() + FRESH_MS, expiresAt) });
    return subject;
  }

  async #bySession(token: string): Promise<Subject> {
    const { memberId, sessionId, expiresAt } = await this.#deps.verify(token);
    return { ...(await this.#ofSession(sessionId, memberId)), expiresAt };
  }

  async #ofSession(sessionId: string, memberId: string): Promise<Subject> {
    const found = await this.#deps.access.bySession(sessionId, memberId, this.#deps.now());
    if (!found) throw new AppError('SESSION_ENDED', 'The session of this token has ended.');
    const { id, name, roles } = found;
    const permissions = await this.#deps.roles.permissionsOf(roles);
    return { id, name, roles, permissions, via: 'session', sessionId };
  }

  async #byAccessToken(token: string): Promise<Subject> {
    const found = await this.#deps.access.byToken(hashSecret(token), this.#deps.now());
    if (!found) throw new AppError('TOKEN_INVALID', 'The token is unknown, revoked or expired.');
    const { id, name, roles, scopes, expiresAt } = found;
    const held = await this.#deps.roles.permissionsOf(roles);
    return { id, name, roles, permissions: within(held, scopes), via: 'token', expiresAt };
  }
}

/** A token allows what its scopes name, as far as its member may; and always to ask who it is. */
function within(held: ReadonlySet<Permission>, scopes: readonly string[]): ReadonlySet<Permission> {
  const named = new Set([...scopes, 'self:read']);
  return new Set([...held].filter((permission) => named.has(permission)));
}

/** RFC 6750 §2.1. */
function bearer(authorization: string): string {
  const match = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization);
  const token = match?.[1];
  if (token !== undefined && token.length <= MAX_TOKEN_CHARACTERS) return token;
  throw new AppError('TOKEN_INVALID', 'The Authorization header must be "Bearer <token>".');
}
