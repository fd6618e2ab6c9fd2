import tls, { type ConnectionOptions, type DetailedPeerCertificate } from 'node:tls';

import { GRID_SERVER_NAME } from '../contract/grid.js';
import { AppError } from '../core/types/errors/app-error.js';
import { errorCode } from '../core/types/errors/error-code.js';

const TIMEOUT_MS = 10_000;
const MAX_CHAIN = 10;

/**
 * The certificate with a fingerprint, as a daemon shows it in its chain. Nothing is sent to whoever answers, and nothing of it is
 * believed but that one certificate: the next connection is verified by it.
 * @throws {AppError} DAEMON_UNREACHABLE, SERVER_UNTRUSTED.
 */
export async function authorityCertificate(url: URL, caSha256: string): Promise<string> {
  const chain = await shownChain(url);
  const found = chain.find(
    ({ fingerprint256 }) => fingerprint256.replaceAll(':', '').toLowerCase() === caSha256,
  );
  if (found) return pem(found.raw);
  throw new AppError(
    'SERVER_UNTRUSTED',
    `${url.origin} is not the daemon that made this token: it shows another certificate.`,
    { url: url.origin, expected: caSha256 },
  );
}

/** How a connection to a daemon of this grid is verified. By the grid's own name, so that the address may be any. */
export function gridTls(caCertificate: string): ConnectionOptions {
  return { ca: caCertificate, servername: GRID_SERVER_NAME, minVersion: 'TLSv1.2' };
}

/**
 * Puts a failed connection into words. A certificate that is not valid at this time is nearly always this machine's clock.
 */
export function connectionFailure(error: unknown, url: string, now: Date): AppError {
  const code = errorCode(error) ?? (error instanceof Error ? error.name : 'unknown');
  if (code === 'CERT_NOT_YET_VALID' || code === 'CERT_HAS_EXPIRED') {
    const at = now.toISOString();
    return new AppError(
      'CLOCK_WRONG',
      `The certificate of ${url} is not valid at ${at}, which is what this machine’s clock says.`,
      { url, clock: at, reason: code },
    );
  }
  if (/^(CERT|ERR_TLS|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO)/.test(code)) {
    return new AppError('SERVER_UNTRUSTED', `${url} is not a daemon of this grid (${code}).`, {
      url,
      reason: code,
    });
  }
  return new AppError('DAEMON_UNREACHABLE', `The daemon at ${url} does not answer (${code}).`, {
    url,
    reason: code,
  });
}

function shownChain(url: URL): Promise<DetailedPeerCertificate[]> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host: url.hostname.replaceAll(/^\[|\]$/g, ''),
      port: Number(url.port || 443),
      servername: GRID_SERVER_NAME,
      // To see certificates that are yet to be judged; the connection is closed without a byte of ours.
      rejectUnauthorized: false,
    });
    const timer = setTimeout(() => {
      socket.destroy(Object.assign(new TypeError('silent'), { code: 'ETIMEDOUT' }));
    }, TIMEOUT_MS);
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(connectionFailure(error, url.origin, new Date()));
    });
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      const chain = chainOf(socket.getPeerCertificate(true));
      socket.destroy();
      resolve(chain);
    });
  });
}

function chainOf(own: DetailedPeerCertificate): DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  let next: DetailedPeerCertificate | undefined = own;
  while (next?.raw !== undefined && chain.length < MAX_CHAIN) {
    chain.push(next);
    // One that signed itself is its own issuer.
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return chain;
}

function pem(raw: Buffer): string {
  const lines = raw.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
