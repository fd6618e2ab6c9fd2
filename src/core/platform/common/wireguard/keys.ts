import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
} from 'node:crypto';

/** RFC 8410: what stands before the 32 bytes of an X25519 private key in PKCS #8. */
const PKCS8_HEAD = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** Of WireGuard, in base64. */
export interface TunnelKeys {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** A new pair, as `wg genkey` and `wg pubkey` make it. */
export function newTunnelKeys(): TunnelKeys {
  const { privateKey } = generateKeyPairSync('x25519');
  const jwk = privateKey.export({ format: 'jwk' });
  return { privateKey: base64Of(jwk, 'd'), publicKey: base64Of(jwk, 'x') };
}

/** The public key that belongs to a private one. @param privateKey - 32 bytes in base64. */
export function publicKeyOf(privateKey: string): string {
  const der = Buffer.concat([PKCS8_HEAD, Buffer.from(privateKey, 'base64')]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return base64Of(createPublicKey(key).export({ format: 'jwk' }), 'x');
}

function base64Of(jwk: JsonWebKey, field: 'd' | 'x'): string {
  return Buffer.from(jwk[field] ?? '', 'base64url').toString('base64');
}
