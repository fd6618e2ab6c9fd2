import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

import type { KeyRepository } from '../../core/storage/postgres/key.repository.js';
import type { NewKey } from './authority.js';

/** A retired key verifies until every token that it signed has expired, and a little longer for clocks. */
const VERIFIES_AFTER_RETIREMENT_MS = 20 * 60_000;
const DAY_MS = 24 * 3600_000;
const FRESH_MS = 30_000;
/** A key id that nobody knows may belong to a key that another replica made just now; asking is not free. */
const UNKNOWN_RETRY_MS = 2_000;

export interface PublicJwk {
  readonly kty: 'RSA';
  readonly use: 'sig';
  readonly alg: 'RS256';
  readonly kid: string;
  readonly n: string;
  readonly e: string;
}

interface SigningKey {
  readonly id: string;
  readonly key: KeyObject;
  readonly createdAt: Date;
}

interface Loaded {
  readonly signing: SigningKey;
  readonly verifying: ReadonlyMap<string, KeyObject>;
  readonly jwks: readonly PublicJwk[];
}

/** The keys that sign and verify access tokens: in the database for all replicas, here for half a minute at a time. */
export class TokenKeys {
  readonly #store: KeyRepository;
  readonly #make: () => Promise<NewKey>;
  #loaded: Promise<Loaded> | undefined;
  #loadedAt = 0;

  constructor(store: KeyRepository, make: () => Promise<NewKey>) {
    this.#store = store;
    this.#make = make;
  }

  async signing(): Promise<SigningKey> {
    return (await this.#current(FRESH_MS)).signing;
  }

  /** By exact id, and never by anything that an id might be taken for; undefined when there is no such key. */
  async verifying(id: string): Promise<KeyObject | undefined> {
    const known = (await this.#current(FRESH_MS)).verifying.get(id);
    return known ?? (await this.#current(UNKNOWN_RETRY_MS)).verifying.get(id);
  }

  /** The key set as RFC 7517 has it, the one that signs first. */
  async publicKeys(): Promise<readonly PublicJwk[]> {
    return (await this.#current(FRESH_MS)).jwks;
  }

  async rotate(now: Date): Promise<void> {
    await this.#store.rotate('token-signing', this.#make, now);
    this.forget();
  }

  /** Rotates when the key in use is older than this. */
  async rotateWhenOld(maxAgeDays: number, now: Date): Promise<void> {
    const { createdAt } = await this.signing();
    if (now.getTime() - createdAt.getTime() > maxAgeDays * DAY_MS) await this.rotate(now);
  }

  /** Reads them again at the next use. */
  forget(): void {
    this.#loaded = undefined;
  }

  async #current(maxAgeMs: number): Promise<Loaded> {
    if (this.#loaded && Date.now() - this.#loadedAt <= maxAgeMs) return this.#loaded;
    this.#loadedAt = Date.now();
    const loading = this.#load();
    this.#loaded = loading;
    // A failure is not remembered: the next caller tries again.
    loading.catch(() => {
      if (this.#loaded === loading) this.#loaded = undefined;
    });
    return loading;
  }

  async #load(): Promise<Loaded> {
    const at = Date.now();
    const keys = await this.#store.usable(
      'token-signing',
      new Date(at - VERIFIES_AFTER_RETIREMENT_MS),
    );
    const [newest] = keys;
    if (!newest) throw new TypeError('There is no key to sign tokens with.');
    const verifying = new Map(
      keys.map(({ id, publicPem }) => [id, createPublicKey(publicPem)] as const),
    );
    return {
      signing: {
        id: newest.id,
        createdAt: newest.createdAt,
        key: createPrivateKey({ key: newest.privateDer, format: 'der', type: 'pkcs8' }),
      },
      verifying,
      jwks: Array.from(verifying, toJwk),
    };
  }
}

function toJwk([kid, key]: readonly [string, KeyObject]): PublicJwk {
  const { n = '', e = '' } = key.export({ format: 'jwk' });
  return { kty: 'RSA', use: 'sig', alg: 'RS256', kid, n, e };
}
