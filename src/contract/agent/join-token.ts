/** What a join token tells a machine: where the daemon is, by what it is recognised, and the secret that is good there. */
export interface JoinToken {
  /** Absent: the machine looks for the daemon on its own network. */
  readonly url?: string;
  /** SHA-256 of the grid's CA certificate in DER, 64 hexadecimal digits. */
  readonly caSha256: string;
  readonly secret: string;
}

const PREFIX = 'syntropy-join-1.';
const MAX_LENGTH = 4_096;
const SECRET = /^synjoin_[A-Za-z0-9_-]{43}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** One word without characters that a shell or a form would change. It ends in a checksum, so that a mistyped one is told at once. */
export function encodeJoinToken({ url, caSha256, secret }: JoinToken): string {
  const body = toBase64Url(JSON.stringify([caSha256, secret, ...(url === undefined ? [] : [url])]));
  return `${PREFIX}${body}.${checksum(body)}`;
}

/** Undefined for what is no token, or one that was cut or mistyped. */
export function decodeJoinToken(text: string): JoinToken | undefined {
  const token = text.trim();
  if (!token.startsWith(PREFIX) || token.length > MAX_LENGTH) return undefined;
  const [body = '', sum, ...rest] = token.slice(PREFIX.length).split('.');
  if (rest.length > 0 || sum !== checksum(body)) return undefined;
  const parts = parsed(body);
  if (!Array.isArray(parts) || parts.length < 2 || parts.length > 3) return undefined;
  const [caSha256, secret, url]: readonly unknown[] = parts;
  if (typeof caSha256 !== 'string' || !SHA256.test(caSha256)) return undefined;
  if (typeof secret !== 'string' || !SECRET.test(secret)) return undefined;
  if (url === undefined) return { caSha256, secret };
  return typeof url === 'string' && isDaemonUrl(url) ? { caSha256, secret, url } : undefined;
}

function isDaemonUrl(text: string): boolean {
  return /^https:\/\/[A-Za-z0-9.:[\]_/-]+$/.test(text) && URL.canParse(text);
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(atob(body.replaceAll('-', '+').replaceAll('_', '/')));
  } catch {
    return undefined;
  }
}

/** Of what is ASCII by construction. */
function toBase64Url(text: string): string {
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** FNV-1a with 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/): against slips, not against anybody. */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  }
  return hash.toString(36).padStart(7, '0');
}
