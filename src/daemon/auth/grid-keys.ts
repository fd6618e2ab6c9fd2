import { createHash } from 'node:crypto';

import type { KeyRepository, StoredKey } from '../../core/storage/postgres/key.repository.js';
import type { NewKey } from './authority.js';

/** The keys that every replica of a grid shares. Made on first start. */
export interface GridKeys {
  readonly ca: StoredKey;
  readonly tokenSigning: StoredKey;
}

export async function ensureGridKeys(keys: KeyRepository, now: Date): Promise<GridKeys> {
  return {
    ca: await keys.ensure('ca', async () => (await authority()).makeAuthority(now)),
    tokenSigning: await keys.ensure('token-signing', makeTokenKey),
  };
}

/** A new key to sign tokens with. */
export async function makeTokenKey(): Promise<NewKey> {
  return (await authority()).makeTokenKey();
}

/** Loaded only when a key is made: certificates are a heavy library, and keys are made once. */
function authority() {
  return import('./authority.js');
}

/** SHA-256 over the certificate in DER, in hex: what a node pins before it sends its token. */
export function certificateSha256(certificatePem: string): string {
  const base64 = certificatePem.replaceAll(/-----[^-]+-----|\s/g, '');
  return createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex');
}
