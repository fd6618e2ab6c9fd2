// The certificate library finds its parts through it.
import 'reflect-metadata';

import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { randomBytes, webcrypto } from 'node:crypto';

const CA_YEARS = 20;
const YEAR_MS = 365.25 * 24 * 3600 * 1000;

export interface NewKey {
  readonly algorithm: string;
  /** A certificate for the CA, a public key for signing tokens. Not secret. */
  readonly publicPem: string;
  /** PKCS #8 in DER. Secret: it is stored encrypted under the master key. */
  readonly privateDer: Buffer;
}

/** A certificate authority of this grid's own: ECDSA P-256, self-signed, RFC 5280 with path length 0. */
export async function makeAuthority(now: Date): Promise<NewKey> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: randomBytes(16).toString('hex'),
      name: 'CN=Syntropy grid CA',
      notBefore: now,
      notAfter: new Date(now.getTime() + CA_YEARS * YEAR_MS),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    webcrypto,
  );
  return {
    algorithm: 'ES256',
    publicPem: certificate.toString('pem'),
    privateDer: await exportPrivate(keys.privateKey),
  };
}

/** The key that signs access tokens: RSA 2048 for RS256 (RFC 7518 §3.3). */
export async function makeTokenKey(): Promise<NewKey> {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const spki = Buffer.from(await webcrypto.subtle.exportKey('spki', keys.publicKey));
  return {
    algorithm: 'RS256',
    publicPem: pem('PUBLIC KEY', spki),
    privateDer: await exportPrivate(keys.privateKey),
  };
}

async function exportPrivate(key: webcrypto.CryptoKey): Promise<Buffer> {
  return Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
