import { readFile } from 'node:fs/promises';
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';

import type { PrivateKey } from '../../core/storage/postgres/key.repository.js';

import { GRID_SERVER_NAME } from '../../contract/grid.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { errorCode } from '../../core/types/errors/error-code.js';
import { certificateSha256 } from '../auth/grid-keys.js';

/** What a listener shows its clients. */
export interface ServerIdentity {
  /** Whose certificate: of the grid's own authority, or the operator's. */
  readonly kind: 'grid-ca' | 'certificate';
  /** SHA-256 in hex of what a client pins: the authority, or the certificate itself. */
  readonly fingerprint: string;
  readonly certPem: string;
  readonly keyPem: string;
}

/** A certificate of the grid's own authority for these names. The library for it is loaded only now. */
export async function ownIdentity(
  ca: PrivateKey,
  names: readonly string[],
  now: Date,
): Promise<ServerIdentity> {
  const { issueServerCertificate } = await import('../auth/authority.js');
  const { certificatePem, privateKeyPem } = await issueServerCertificate(
    ca,
    [...new Set([GRID_SERVER_NAME, ...names])].map((value) => ({
      type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const),
      value,
    })),
    now,
  );
  return {
    kind: 'grid-ca',
    fingerprint: certificateSha256(ca.publicPem),
    // With the authority, so that a client can show and pin it at its first visit.
    certPem: `${certificatePem.trim()}\n${ca.publicPem.trim()}\n`,
    keyPem: privateKeyPem,
  };
}

/** The operator's certificate. @throws {AppError} CONFIG_INVALID, naming the setting. */
export async function givenIdentity(certFile: string, keyFile: string): Promise<ServerIdentity> {
  const certPem = await readPem(certFile, 'api.tlsCert');
  const keyPem = await readPem(keyFile, 'api.tlsKey');
  try {
    // Fails when the key is not the certificate's.
    createSecureContext({ cert: certPem, key: keyPem });
    const { fingerprint256 } = new X509Certificate(certPem);
    return {
      kind: 'certificate',
      fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
      certPem,
      keyPem,
    };
  } catch {
    throw new AppError(
      'CONFIG_INVALID',
      `${certFile} and ${keyFile} are no certificate with its private key, in PEM.`,
      { key: 'api.tlsCert' },
    );
  }
}

async function readPem(file: string, key: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    const code = errorCode(error) ?? 'unknown';
    throw new AppError('CONFIG_INVALID', `${file} cannot be read (${code}).`, { key });
  });
}
