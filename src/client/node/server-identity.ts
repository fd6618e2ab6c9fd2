import tls, { type DetailedPeerCertificate } from 'node:tls';

import type { Trust } from './contexts.js';

import { GRID_SERVER_NAME } from '../../contract/grid.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { remoteFailure } from './remote-failures.js';
import { sameFingerprint, tlsOptions } from './trust.js';

const TIMEOUT_MS = 10_000;
/** Chains of real servers have two to four. */
const MAX_CHAIN = 10;

/** A certificate that a server showed. Nothing of it is proven yet. */
export interface ShownCertificate {
  readonly certificate: string;
  /** SHA-256, as openssl prints it. */
  readonly fingerprint: string;
  readonly subject: string;
  readonly isAuthority: boolean;
  readonly names: readonly string[];
}

export interface ShownIdentity {
  /** By the public authorities, for the name in the address. */
  readonly publiclyTrusted: boolean;
  /** The server's own first. Never empty. */
  readonly chain: readonly [ShownCertificate, ...ShownCertificate[]];
}

/**
 * Looks at who a server says it is, believing nothing. Sends no request.
 * @throws {AppError} DAEMON_UNREACHABLE.
 */
export async function shownIdentity(url: URL, context: string): Promise<ShownIdentity> {
  const host = url.hostname.replaceAll(/^\[|\]$/g, '');
  const port = Number(url.port || 443);
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host,
      port,
      ...tlsOptions({ kind: 'system' }, host),
      // To see a certificate that is yet to be judged; the connection is closed without a byte of ours.
      rejectUnauthorized: false,
    });
    const timer = setTimeout(() => socket.destroy(new Error('silent')), TIMEOUT_MS);
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(remoteFailure(error, url.origin, context));
    });
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      const chain = chainOf(socket.getPeerCertificate(true));
      const [own, ...others] = chain;
      socket.destroy();
      if (own) resolve({ publiclyTrusted: socket.authorized, chain: [own, ...others] });
      else reject(remoteFailure(undefined, url.origin, context));
    });
  });
}

function chainOf(own: DetailedPeerCertificate): ShownCertificate[] {
  const chain: ShownCertificate[] = [];
  let next: DetailedPeerCertificate | undefined = own;
  while (next?.raw !== undefined && chain.length < MAX_CHAIN) {
    chain.push(shown(next));
    // One that signed itself is its own issuer.
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return chain;
}

function shown(certificate: DetailedPeerCertificate): ShownCertificate {
  const lines = certificate.raw.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    fingerprint: certificate.fingerprint256,
    subject: String(certificate.subject?.CN ?? certificate.subject?.O ?? ''),
    isAuthority: certificate.ca,
    names: (certificate.subjectaltname ?? '')
      .split(', ')
      .filter((name) => name.startsWith('DNS:'))
      .map((name) => name.slice(4)),
  };
}

/**
 * What to pin of what a server showed: the certificate with the given fingerprint; else nothing, where it is publicly trusted; else the
 * grid's authority; else its own certificate. The next connection proves it or fails.
 * @throws {AppError} SERVER_UNTRUSTED when none has the fingerprint.
 */
export function trustFor(identity: ShownIdentity, url: URL, fingerprint?: string): Trust {
  const { chain, publiclyTrusted } = identity;
  const [own] = chain;
  if (fingerprint !== undefined) {
    const named = chain.find((one) => sameFingerprint(one.fingerprint, fingerprint));
    if (named) return named === own ? leafOf(own) : authorityOf(named, own, url);
    throw new AppError(
      'SERVER_UNTRUSTED',
      `${url.origin} shows no certificate with that fingerprint. It is another server, or its certificate was renewed.`,
      { url: url.origin, expected: fingerprint, shown: (chain.at(-1) ?? own).fingerprint },
    );
  }
  if (publiclyTrusted) return { kind: 'system' };
  const authority = chain.slice(1).find((one) => one.isAuthority);
  return authority && own.names.includes(GRID_SERVER_NAME)
    ? authorityOf(authority, own, url)
    : leafOf(own);
}

/** Trust in an authority whose certificate is at hand. */
export function authorityOf(
  { certificate, fingerprint }: Pick<ShownCertificate, 'certificate' | 'fingerprint'>,
  own: Pick<ShownCertificate, 'names'>,
  url: URL,
): Trust {
  const serverName = own.names.includes(GRID_SERVER_NAME) ? GRID_SERVER_NAME : url.hostname;
  return { kind: 'ca', certificate, fingerprint, serverName };
}

function leafOf({ certificate, fingerprint }: ShownCertificate): Trust {
  return { kind: 'leaf', certificate, fingerprint };
}
