import type { AccessToken, Caller } from '../../types/models/member.js';
import type { Secrets, TokenFilter, TokenStore } from './member.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { requireHeld, requirePermissions } from './role.service.js';

const DEFAULT_TTL_SECONDS = 30 * 24 * 3600;

interface Deps {
  readonly store: TokenStore;
  readonly secrets: Secrets;
  readonly newId: () => string;
  readonly now: () => Date;
}

/**
 * Personal access tokens for machines. One allows what its scopes say and its member may, whichever is less, and makes no further
 * tokens: what leaked must not outlive its own end.
 */
export class TokenService {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  list(filter: Omit<TokenFilter, 'now'>): Promise<readonly AccessToken[]> {
    return this.#deps.store.list({ ...filter, now: this.#deps.now() });
  }

  /** @throws {AppError} INPUT_INVALID (no such permission), PERMISSION_DENIED, TOKEN_NAME_TAKEN, LIMIT_REACHED. */
  async create(
    caller: Caller & { readonly via: string },
    request: {
      readonly name: string;
      readonly scopes: readonly string[];
      readonly ttlSeconds?: number;
    },
  ): Promise<{ token: AccessToken; secret: string }> {
    if (caller.via === 'token') {
      throw new AppError('PERMISSION_DENIED', 'A token makes no tokens: sign in for that.');
    }
    const scopes = requirePermissions(request.scopes);
    requireHeld(caller, scopes, 'make a token with');
    const { store, secrets, newId, now } = this.#deps;
    const { secret, hash } = secrets.mint('synpat_');
    const createdAt = now();
    const ttlMs = (request.ttlSeconds ?? DEFAULT_TTL_SECONDS) * 1000;
    const token = await store.create({
      id: newId(),
      name: request.name,
      member: { id: caller.id, name: caller.name },
      scopes,
      hash,
      createdAt,
      expiresAt: new Date(createdAt.getTime() + ttlMs),
    });
    return { token, secret };
  }

  /** Whose it is, was looked at before. @throws {AppError} TOKEN_NOT_FOUND. */
  revoke(id: string): Promise<AccessToken> {
    return this.#deps.store.revoke(id, this.#deps.now());
  }
}
