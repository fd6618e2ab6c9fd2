import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

import { AppError } from '../../types/errors/app-error.js';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What is sealed is so much longer. */
export const SEALED_MORE_BYTES = NONCE_BYTES + TAG_BYTES;

/**
 * Encrypts under the master key (AES-256-GCM): nonce, tag, and what was encrypted.
 * @param boundTo - what it belongs to; it opens for nothing else, so that rows cannot be swapped.
 */
export function seal(masterKey: Buffer, boundTo: string, secret: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', masterKey, nonce);
  cipher.setAAD(Buffer.from(boundTo));
  const sealed = Buffer.concat([cipher.update(secret), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
}

/** @throws {AppError} CONFIG_INVALID when the master key is not the one that it was encrypted under. */
export function unseal(masterKey: Buffer, boundTo: string, stored: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', masterKey, stored.subarray(0, NONCE_BYTES));
  decipher.setAAD(Buffer.from(boundTo));
  decipher.setAuthTag(stored.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    const sealed = stored.subarray(NONCE_BYTES + TAG_BYTES);
    return Buffer.concat([decipher.update(sealed), decipher.final()]);
  } catch {
    throw new AppError(
      'CONFIG_INVALID',
      'The master key does not fit what is in the database. Use the one it was encrypted with.',
    );
  }
}
