import type { Caller } from '../../types/models/member.js';
import type { Secret, SecretStore } from './secret.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { isUuid } from '../../utils/node-name.js';

const MAX_BYTES = 65_536;

interface Deps {
  readonly store: SecretStore;
  readonly newId: () => string;
  readonly now: () => Date;
}

/** What containers know and nobody else: set, used, removed, and never answered. */
export class SecretService {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Of the caller’s own. */
  list(caller: Caller): Promise<readonly Secret[]> {
    return this.#deps.store.list(caller.id);
  }

  /** Of the caller’s own by id or name, those of others by id. @throws {AppError} SECRET_NOT_FOUND. */
  async find(ref: string, caller: { readonly id: string }): Promise<Secret> {
    const secret = await this.#deps.store.find(ref, caller.id);
    if (secret) return secret;
    throw secretNotFound(ref);
  }

  /** @throws {AppError} INPUT_INVALID (too long, or a name that is shaped like an id), LIMIT_REACHED. */
  async set(name: string, value: Uint8Array, caller: Caller): Promise<Secret> {
    if (isUuid(name)) {
      throw new AppError(
        'INPUT_INVALID',
        `"${name}" is shaped like an id, so it cannot be a name.`,
        {
          field: 'name',
        },
      );
    }
    if (value.byteLength > MAX_BYTES) {
      throw new AppError('INPUT_INVALID', `A secret is ${MAX_BYTES} bytes long at most.`, {
        field: 'base64',
      });
    }
    const { store, newId, now } = this.#deps;
    const owner = { id: caller.id, name: caller.name };
    return store.set({ id: newId(), owner, name }, value, now());
  }

  /** Whose it is, was looked at before. @throws {AppError} SECRET_NOT_FOUND, SECRET_IN_USE. */
  remove(id: string): Promise<Secret> {
    return this.#deps.store.remove(id);
  }
}

/** What is answered where there is no secret, and where there is one of somebody else. */
export function secretNotFound(ref: string): AppError {
  return new AppError('SECRET_NOT_FOUND', `There is no secret "${ref}".`, { secret: ref });
}
