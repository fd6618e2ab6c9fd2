import { generateKeyPairSync, type KeyObject, createPrivateKey, sign } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';

import { writeFileAtomic } from '../core/storage/files/atomic-file.js';
import { AppError } from '../core/types/errors/app-error.js';
import { errorCode } from '../core/types/errors/error-code.js';

/** Who this node is. The private halves stay in its file and in this process. */
export interface AgentIdentity {
  /** Raw Ed25519 public key, base64url. */
  readonly identityKey: string;
  /** Raw X25519 public key, base64url. */
  readonly wireguardKey: string;
  /** Ed25519 (RFC 8032) over the UTF-8 of a text, base64url. */
  sign(text: string): string;
}

interface Stored {
  readonly version: 1;
  readonly identity: string;
  readonly wireguard: string;
}

export function identityFile(directory: string): string {
  return path.join(directory, 'identity.json');
}

/**
 * The identity of this node, made when there is none. Call it under the agent's lock.
 * @throws {AppError} CONFIG_INVALID when its file is damaged or readable by others.
 */
export async function ensureIdentity(directory: string): Promise<AgentIdentity> {
  return (await readIdentity(directory)) ?? makeIdentity(directory);
}

/** @throws {AppError} CONFIG_INVALID when its file is damaged or readable by others. */
export async function readIdentity(directory: string): Promise<AgentIdentity | undefined> {
  const file = identityFile(directory);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw invalid(file, `cannot be read (${errorCode(error) ?? 'unknown'})`);
  });
  if (text === undefined) return undefined;
  if (process.platform !== 'win32' && ((await stat(file)).mode & 0o077) !== 0) {
    throw invalid(file, `can be read by others. Run: chmod 600 ${file}`);
  }
  try {
    const stored: unknown = JSON.parse(text);
    if (isStored(stored)) {
      return toIdentity(createPrivateKey(stored.identity), createPrivateKey(stored.wireguard));
    }
  } catch {
    // The text is never quoted: it holds keys.
  }
  throw invalid(file, 'is damaged');
}

async function makeIdentity(directory: string): Promise<AgentIdentity> {
  const identity = generateKeyPairSync('ed25519').privateKey;
  const wireguard = generateKeyPairSync('x25519').privateKey;
  const stored: Stored = { version: 1, identity: pem(identity), wireguard: pem(wireguard) };
  await writeFileAtomic(identityFile(directory), `${JSON.stringify(stored)}\n`);
  return toIdentity(identity, wireguard);
}

function toIdentity(identity: KeyObject, wireguard: KeyObject): AgentIdentity {
  if (identity.asymmetricKeyType !== 'ed25519' || wireguard.asymmetricKeyType !== 'x25519') {
    throw new TypeError('Keys of another kind.');
  }
  return {
    identityKey: publicHalf(identity),
    wireguardKey: publicHalf(wireguard),
    sign: (text) => sign(undefined, Buffer.from(text), identity).toString('base64url'),
  };
}

/** `x` of a JWK is the raw public key (RFC 8037 §2). */
function publicHalf(key: KeyObject): string {
  return String(key.export({ format: 'jwk' }).x);
}

function pem(key: KeyObject): string {
  return String(key.export({ type: 'pkcs8', format: 'pem' }));
}

function isStored(value: unknown): value is Stored {
  return (
    typeof value === 'object' &&
    value !== null &&
    'identity' in value &&
    typeof value.identity === 'string' &&
    'wireguard' in value &&
    typeof value.wireguard === 'string'
  );
}

function invalid(file: string, what: string): AppError {
  return new AppError('CONFIG_INVALID', `${file} ${what}.`, { file });
}
