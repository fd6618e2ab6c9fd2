import { type Kysely, sql } from 'kysely';
import { randomUUID } from 'node:crypto';

import { appendEvent } from './event.repository.js';
import { seal, unseal } from './sealed.js';

/** What a key is for. */
export type KeyPurpose = 'ca' | 'token-signing';

interface NewKey {
  readonly algorithm: string;
  readonly publicPem: string;
  readonly privateDer: Buffer;
}

export interface StoredKey {
  readonly id: string;
  readonly purpose: KeyPurpose;
  readonly algorithm: string;
  readonly publicPem: string;
}

export interface PrivateKey extends StoredKey {
  /** PKCS #8 in DER. */
  readonly privateDer: Buffer;
  readonly createdAt: Date;
}

interface KeyRow {
  readonly id: string;
  readonly purpose: KeyPurpose;
  readonly algorithm: string;
  readonly public_pem: string;
  readonly encrypted_private: Buffer;
  readonly created_at: Date;
}

/** Keys of the grid. Private halves lie here encrypted (AES-256-GCM, bound to id and purpose) under the master key. */
export class KeyRepository {
  readonly #db: Kysely<unknown>;
  readonly #masterKey: Buffer;

  constructor(db: Kysely<unknown>, masterKey: Buffer) {
    this.#db = db;
    this.#masterKey = masterKey;
  }

  /**
   * The key in use for a purpose; made, once for all replicas, when there is none. The private half is decrypted on the way,
   * so that a wrong master key shows now and not at the first signature.
   * @throws {AppError} CONFIG_INVALID when the master key is not the one that the key was encrypted under.
   */
  async ensure(purpose: KeyPurpose, make: () => Promise<NewKey>): Promise<StoredKey> {
    return this.#db.transaction().execute(async (tx) => {
      await sql`select pg_advisory_xact_lock(7310584391)`.execute(tx);
      const { rows } = await sql<KeyRow>`
        select * from keys where purpose = ${purpose} and retired_at is null
        order by created_at desc limit 1`.execute(tx);
      const row = rows[0];
      if (row) {
        this.#decrypt(row);
        return toKey(row);
      }
      return this.#insert(tx, purpose, await make());
    });
  }

  /**
   * Keys of a purpose that are in use or were retired after this instant, newest first, with their private halves.
   * @throws {AppError} CONFIG_INVALID, as `ensure`.
   */
  async usable(purpose: KeyPurpose, retiredAfter: Date): Promise<readonly PrivateKey[]> {
    const { rows } = await sql<KeyRow>`
      select * from keys where purpose = ${purpose} and (retired_at is null or retired_at > ${retiredAfter})
      order by retired_at desc nulls first, created_at desc`.execute(this.#db);
    return rows.map((row) => ({
      ...toKey(row),
      privateDer: this.#decrypt(row),
      createdAt: row.created_at,
    }));
  }

  /** Retires the key in use and makes the next one, in one transaction. */
  async rotate(purpose: KeyPurpose, make: () => Promise<NewKey>, now: Date): Promise<StoredKey> {
    const made = await make();
    return this.#db.transaction().execute(async (tx) => {
      await sql`select pg_advisory_xact_lock(7310584391)`.execute(tx);
      await sql`update keys set retired_at = ${now} where purpose = ${purpose} and retired_at is null`.execute(
        tx,
      );
      const stored = await this.#insert(tx, purpose, made);
      await appendEvent(tx, {
        type: 'key.rotated',
        object: { kind: 'key', id: stored.id },
        payload: { purpose },
      });
      return stored;
    });
  }

  async #insert(tx: Kysely<unknown>, purpose: KeyPurpose, made: NewKey): Promise<StoredKey> {
    const id = randomUUID();
    const sealed = seal(this.#masterKey, `${purpose}:${id}`, made.privateDer);
    const { rows } = await sql<KeyRow>`
      insert into keys (id, purpose, algorithm, public_pem, encrypted_private, created_at)
      values (${id}, ${purpose}, ${made.algorithm}, ${made.publicPem}, ${sealed},
              clock_timestamp())
      returning *`.execute(tx);
    const [stored] = rows;
    if (!stored) throw new TypeError('An insert with returning gave no row.');
    return toKey(stored);
  }

  #decrypt(row: KeyRow): Buffer {
    return unseal(this.#masterKey, `${row.purpose}:${row.id}`, row.encrypted_private);
  }
}

function toKey(row: KeyRow): StoredKey {
  return {
    id: row.id,
    purpose: row.purpose,
    algorithm: row.algorithm,
    publicPem: row.public_pem,
  };
}
