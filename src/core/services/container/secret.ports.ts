import type { Named } from '../../types/models/member.js';

/** A secret, without what it is. */
export interface Secret extends Named {
  readonly owner: Named;
  /** Containers that live and use it. */
  readonly usedBy: readonly Named[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly version: number;
}

/** Secrets as they are stored, which is encrypted. Each change tells its event in the same transaction, without the value. */
export interface SecretStore {
  list(ownerId: string): Promise<readonly Secret[]>;
  find(ref: string, ownerId: string): Promise<Secret | undefined>;
  /** @throws {AppError} LIMIT_REACHED. */
  set(
    secret: { readonly id: string; readonly owner: Named; readonly name: string },
    value: Uint8Array,
    now: Date,
  ): Promise<Secret>;
  /** @throws {AppError} SECRET_NOT_FOUND, SECRET_IN_USE. */
  remove(id: string): Promise<Secret>;
}
