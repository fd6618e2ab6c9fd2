import tls, {
  type ConnectionOptions,
  type DetailedPeerCertificate,
  type TLSSocket,
} from 'node:tls';

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
export async function authorityCertificate(
  url: URL,
  caSha256: string,
  signal?: AbortSignal,
): Promise<string> {
  const chain = await shownChain(url, signal);
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

/**
 * Whether a daemon of this grid answers there. The authority's certificate is no secret, so that everybody can show it; only a daemon shows one
 * of its own that the authority has signed, and holds the key of it.
 * @throws {AppError} DAEMON_UNREACHABLE, SERVER_UNTRUSTED, CLOCK_WRONG.
 */
export async function proveDaemon(url: URL, caSha256: string, signal: AbortSignal): Promise<void> {
  const caCertificate = await authorityCertificate(url, caSha256, signal);
  await handshake(url, gridTls(caCertificate), () => undefined, signal);
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

function shownChain(url: URL, signal?: AbortSignal): Promise<DetailedPeerCertificate[]> {
  // To see certificates that are yet to be judged.
  const options = { servername: GRID_SERVER_NAME, rejectUnauthorized: false };
  return handshake(url, options, (socket) => chainOf(socket.getPeerCertificate(true)), signal);
}

/** Looks at who answers. The connection is closed without a byte of ours. */
function handshake<T>(
  url: URL,
  options: ConnectionOptions,
  look: (socket: TLSSocket) => T,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      ...options,
      host: url.hostname.replaceAll(/^\[|\]$/g, ''),
      port: Number(url.port || 443),
    });
    const abort = () =>
      socket.destroy(Object.assign(new TypeError('stopped'), { code: 'ABORTED' }));
    signal?.addEventListener('abort', abort, { once: true });
    socket.once('close', () => signal?.removeEventListener('abort', abort));
    if (signal?.aborted) abort();
    const timer = setTimeout(() => {
      socket.destroy(Object.assign(new TypeError('silent'), { code: 'ETIMEDOUT' }));
    }, TIMEOUT_MS);
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(connectionFailure(error, url.origin, new Date()));
    });
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      const seen = look(socket);
      socket.destroy();
      resolve(seen);
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
