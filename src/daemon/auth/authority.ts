// The certificate library finds its parts through it.
import 'reflect-metadata';

import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { randomBytes, webcrypto } from 'node:crypto';

const CA_YEARS = 20;
/** Made anew at every start; a listener that runs for longer renews it. */
const SERVER_DAYS = 90;
const HOUR_MS = 3600_000;
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

/** A certificate for a listener and its private key, both in PEM. */
export interface ServerCertificate {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/**
 * Issues a server certificate under the authority: ECDSA P-256, with the names and addresses that clients may use.
 * It begins an hour ago, for clients whose clocks are late.
 */
export async function issueServerCertificate(
  authority: { readonly publicPem: string; readonly privateDer: Buffer },
  names: readonly { readonly type: 'dns' | 'ip'; readonly value: string }[],
  now: Date,
): Promise<ServerCertificate> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const signingKey = await webcrypto.subtle.importKey(
    'pkcs8',
    authority.privateDer,
    algorithm,
    false,
    ['sign'],
  );
  const issuer = new X509Certificate(authority.publicPem);
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: randomBytes(16).toString('hex'),
      subject: 'CN=Syntropy daemon',
      issuer: issuer.subject,
      notBefore: new Date(now.getTime() - HOUR_MS),
      notAfter: new Date(now.getTime() + SERVER_DAYS * 24 * HOUR_MS),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension([...names]),
        await AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return {
    certificatePem: certificate.toString('pem'),
    privateKeyPem: pem('PRIVATE KEY', await exportPrivate(keys.privateKey)),
  };
}

async function exportPrivate(key: webcrypto.CryptoKey): Promise<Buffer> {
  return Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
