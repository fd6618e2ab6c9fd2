import 'reflect-metadata';

import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { X509Certificate as NodeCertificate, randomBytes, webcrypto } from 'node:crypto';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 24 * 3600 * 1000;

export interface TestAuthority {
  readonly certificate: string;
  /** SHA-256, as openssl prints it. */
  readonly fingerprint: string;
  /** What a server with these names proves itself with; expired, if it is asked to be. */
  issue(names: readonly string[], validDays?: number): Promise<TestIdentity>;
}

export interface TestIdentity {
  readonly key: string;
  /** Its own, then the authority's. */
  readonly cert: string;
  readonly certificate: string;
  readonly fingerprint: string;
}

/** A certificate authority as a daemon makes one. */
export async function testAuthority(name = 'Syntropy grid CA'): Promise<TestAuthority> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const root = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: randomBytes(16).toString('hex'),
      name: `CN=${name}`,
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter: new Date(Date.now() + DAY_MS),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [new BasicConstraintsExtension(true, 0, true)],
    },
    webcrypto,
  );
  const certificate = root.toString('pem');
  return {
    certificate,
    fingerprint: fingerprintOf(certificate),
    issue: (names, validDays = 1) => issued(root, keys.privateKey, names, validDays),
  };
}

async function issued(
  root: X509Certificate,
  signingKey: webcrypto.CryptoKey,
  names: readonly string[],
  validDays: number,
): Promise<TestIdentity> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const own = await X509CertificateGenerator.create(
    {
      serialNumber: randomBytes(16).toString('hex'),
      subject: `CN=${names[0] ?? 'nobody'}`,
      issuer: root.subject,
      notBefore: new Date(Date.now() - 10 * DAY_MS),
      notAfter: new Date(Date.now() + validDays * DAY_MS),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey,
      extensions: [
        new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
      ],
    },
    webcrypto,
  );
  const certificate = own.toString('pem');
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return {
    certificate,
    fingerprint: fingerprintOf(certificate),
    cert: `${certificate}\n${root.toString('pem')}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${der
      .toString('base64')
      .match(/.{1,64}/g)
      ?.join('\n')}\n-----END PRIVATE KEY-----\n`,
  };
}

function fingerprintOf(certificate: string): string {
  return new NodeCertificate(certificate).fingerprint256;
}
