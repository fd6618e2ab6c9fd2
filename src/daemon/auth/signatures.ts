import { createPublicKey, verify } from 'node:crypto';

import type { Signatures } from '../../core/services/node/agent.ports.js';

/** Ed25519 (RFC 8032) over the UTF-8 of a text, by raw public keys of 32 bytes. What is no key or no signature verifies nothing. */
export const signatures: Signatures = {
  verify(publicKey, text, signature) {
    try {
      const x = Buffer.from(publicKey).toString('base64url');
      const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
      return verify(undefined, Buffer.from(text), key, signature);
    } catch {
      return false;
    }
  },
};
