import { type Kysely, sql } from 'kysely';
import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';

import { AppError } from '../../types/errors/app-error.js';
import { appendEvent } from './event.repository.js';

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

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

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
    const { rows } = await sql<KeyRow>`
      insert into keys (id, purpose, algorithm, public_pem, encrypted_private, created_at)
      values (${id}, ${purpose}, ${made.algorithm}, ${made.publicPem}, ${this.#encrypt(id, purpose, made.privateDer)},
              clock_timestamp())
      returning *`.execute(tx);
    const [stored] = rows;
    if (!stored) throw new TypeError('An insert with returning gave no row.');
    return toKey(stored);
  }

  #encrypt(id: string, purpose: KeyPurpose, secret: Buffer): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#masterKey, nonce);
    cipher.setAAD(Buffer.from(`${purpose}:${id}`));
    const sealed = Buffer.concat([cipher.update(secret), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
  }

  #decrypt(row: KeyRow): Buffer {
    const nonce = row.encrypted_private.subarray(0, NONCE_BYTES);
    const tag = row.encrypted_private.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', this.#masterKey, nonce);
    decipher.setAAD(Buffer.from(`${row.purpose}:${row.id}`));
    decipher.setAuthTag(tag);
    try {
      const sealed = row.encrypted_private.subarray(NONCE_BYTES + TAG_BYTES);
      return Buffer.concat([decipher.update(sealed), decipher.final()]);
    } catch {
      throw new AppError(
        'CONFIG_INVALID',
        'The master key does not fit the keys in the database. Use the one they were made with.',
      );
    }
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
