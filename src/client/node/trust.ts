import type { ConnectionOptions, PeerCertificate } from 'node:tls';

import type { Trust } from './contexts.js';

/** How a TLS connection verifies the server, by node:tls. It is always verified: none of these options weakens that. */
export function tlsOptions(trust: Trust, hostname: string): ConnectionOptions {
  switch (trust.kind) {
    case 'ca': {
      // The only root: what the public ones or the system's would sign for that name counts for nothing here.
      return { ...onlyRoot(trust.certificate), ...serverNameOf(trust.serverName) };
    }
    case 'leaf': {
      return {
        ...onlyRoot(trust.certificate),
        ...serverNameOf(hostname),
        // The certificate itself is what is known; which names it carries says nothing more.
        checkServerIdentity: (_, shown) => mismatch(trust.fingerprint, shown),
      };
    }
    default: {
      return serverNameOf(hostname);
    }
  }
}

function onlyRoot(certificate: string): ConnectionOptions {
  // Without the second, only a certificate that signed itself could be pinned.
  return { ca: certificate, allowPartialTrustChain: true };
}

function mismatch(fingerprint: string, shown: PeerCertificate): Error | undefined {
  if (sameFingerprint(shown.fingerprint256, fingerprint)) return undefined;
  return Object.assign(new TypeError('Another certificate than the pinned one.'), {
    code: 'ERR_TLS_CERT_PINNED',
  });
}

/** An address is no name to ask for (RFC 6066 §3). */
function serverNameOf(hostname: string): { servername?: string } {
  const isAddress = /^[\d.]+$/.test(hostname) || hostname.includes(':');
  return isAddress ? {} : { servername: hostname };
}

/** Compares two SHA-256 fingerprints however they are written: with colons or without, in either case, after `sha256:` or not. */
export function sameFingerprint(one: string, other: string): boolean {
  const bare = bareFingerprint(one);
  return bare !== undefined && bare === bareFingerprint(other);
}

/** A SHA-256 fingerprint as 64 hexadecimal digits; undefined when it is none. */
export function bareFingerprint(text: string): string | undefined {
  const bare = text
    .trim()
    .toLowerCase()
    .replace(/^sha-?256[:=/ ]?/, '')
    .replaceAll(':', '');
  return /^[0-9a-f]{64}$/.test(bare) ? bare : undefined;
}
