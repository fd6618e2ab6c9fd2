import { createHash, randomBytes } from 'node:crypto';

import type { Secrets } from '../../core/services/cooperative/member.ports.js';

/** 256 random bits, so a plain SHA-256 is enough to store one by: there is nothing to guess at. */
const SECRET_BYTES = 32;

/** A new secret. The prefix makes one that leaked recognisable to people and to secret scanners. */
export function mintSecret(prefix: string): { readonly secret: string; readonly hash: Buffer } {
  const secret = prefix + randomBytes(SECRET_BYTES).toString('base64url');
  return { secret, hash: hashSecret(secret) };
}

export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

export const secrets: Secrets = { mint: mintSecret, hash: hashSecret };
