import type { Named } from '../../types/models/member.js';
import type { Secrets } from './member.ports.js';
import type { RoleService } from './role.service.js';
import type {
  Credentials,
  LoginThrottle,
  NewSession,
  Passwords,
  SessionStore,
  TokenIssuer,
} from './session.ports.js';

import { AppError } from '../../types/errors/app-error.js';

/** How long a session lives that nobody uses. */
const IDLE_MS = 30 * 24 * 3600_000;

export interface SessionTokens {
  readonly accessToken: string;
  readonly expiresAt: Date;
  readonly refreshToken: string;
  readonly refreshExpiresAt: Date;
  readonly member: Named;
}

interface Deps {
  readonly store: SessionStore;
  readonly passwords: Passwords;
  readonly secrets: Secrets;
  readonly issuer: TokenIssuer;
  readonly throttle: LoginThrottle;
  readonly roles: RoleService;
  readonly newId: () => string;
  readonly now: () => Date;
}

export interface SignIn {
  readonly member?: string;
  readonly password: string;
  readonly invitation?: string;
  readonly client?: string;
  readonly source: string;
}

/**
 * Sessions: opened with a password or an invitation, kept alive by refresh tokens that are good once (RFC 9700 §4.14.2), ended by
 * signing out or by a refresh token that comes a second time.
 */
export class SessionService {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /**
   * @throws {AppError} LOGIN_FAILED, the same for a wrong name, a wrong password and a disabled member; INVITATION_INVALID;
   *   RATE_LIMITED after too many failures; INPUT_INVALID.
   */
  async open(request: SignIn): Promise<SessionTokens> {
    const { throttle } = this.#deps;
    const who = request.invitation === undefined ? request.member : `invitation ${request.source}`;
    if (who === undefined) {
      throw new AppError('INPUT_INVALID', 'Name the member, or give an invitation.', {
        field: 'member',
      });
    }
    await throttle.attempt(who, request.source);
    const tokens =
      request.invitation === undefined
        ? await this.#byPassword(who, request)
        : await this.#byInvitation(request.invitation, request);
    await throttle.succeeded(who, request.source);
    return tokens;
  }

  /** @throws {AppError} SESSION_ENDED. */
  async refresh(refreshToken: string): Promise<SessionTokens> {
    const { store, secrets, now } = this.#deps;
    const next = secrets.mint('synref_');
    const refreshExpiresAt = new Date(now().getTime() + IDLE_MS);
    const rotation = await store.rotate(secrets.hash(refreshToken), {
      refreshHash: next.hash,
      expiresAt: refreshExpiresAt,
      now: now(),
    });
    if (rotation.kind === 'rotated') {
      return this.#tokens(rotation.member, rotation.sessionId, next.secret, refreshExpiresAt);
    }
    if (rotation.kind === 'reused') {
      throw new AppError(
        'SESSION_ENDED',
        'This refresh token was used before. The session has ended, in case somebody else has it.',
        { member: rotation.member.id, reused: true },
      );
    }
    throw new AppError('SESSION_ENDED', 'This session has ended.');
  }

  /** Signs out. Answers whether the session was open. */
  end(sessionId: string): Promise<boolean> {
    return this.#deps.store.end(sessionId, 'signed out', this.#deps.now());
  }

  async #byPassword(name: string, request: SignIn): Promise<SessionTokens> {
    const { store, passwords } = this.#deps;
    const found = await store.credentials(name);
    const matches = await passwords.verify(found?.passwordHash, request.password);
    if (!found || !matches || found.status !== 'active') {
      throw new AppError('LOGIN_FAILED', 'This name and password do not sign in.');
    }
    const { session, secret } = this.#newSession(request);
    await store.open(found.id, session);
    return this.#tokens(found, session.id, secret, session.expiresAt);
  }

  async #byInvitation(invitation: string, request: SignIn): Promise<SessionTokens> {
    const { store, passwords, secrets } = this.#deps;
    const { session, secret } = this.#newSession(request);
    const passwordHash = await passwords.hash(request.password);
    const member = await store.redeem(secrets.hash(invitation), passwordHash, session);
    if (!member) {
      throw new AppError('INVITATION_INVALID', 'This invitation is unknown, used or expired.');
    }
    return this.#tokens(member, session.id, secret, session.expiresAt);
  }

  #newSession({ client, source }: SignIn): { session: NewSession; secret: string } {
    const { secrets, newId, now } = this.#deps;
    const { secret, hash } = secrets.mint('synref_');
    const createdAt = now();
    return {
      secret,
      session: {
        id: newId(),
        source,
        refreshHash: hash,
        createdAt,
        expiresAt: new Date(createdAt.getTime() + IDLE_MS),
        ...(client === undefined ? {} : { client }),
      },
    };
  }

  async #tokens(
    { id, name, roles }: Credentials,
    sessionId: string,
    refreshToken: string,
    refreshExpiresAt: Date,
  ): Promise<SessionTokens> {
    const member = { id, name };
    const permissions = [...(await this.#deps.roles.permissionsOf(roles))];
    const issued = await this.#deps.issuer.issue({ member, roles, permissions, sessionId });
    return { ...issued, refreshToken, refreshExpiresAt, member };
  }
}
