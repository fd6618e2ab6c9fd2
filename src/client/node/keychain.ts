import { createHash, randomUUID } from 'node:crypto';

import type { SessionStore } from './session-store.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { sessionIn } from './session-store.js';

const SERVICE = 'syntropy';
/** A keychain that is locked may ask a person in a window that nobody sees. */
const TIMEOUT_MS = 5_000;

/** The part of @napi-rs/keyring that is used, so that a test can stand in for it. */
export interface KeychainEntry {
  setSecret(secret: Uint8Array, signal?: AbortSignal): Promise<void>;
  getSecret(signal?: AbortSignal): Promise<ArrayLike<number> | null | undefined>;
  deleteCredential(signal?: AbortSignal): Promise<boolean>;
}

/** Opens one entry. Throws where there is no keychain. */
export type OpenEntry = (account: string) => Promise<KeychainEntry>;

/**
 * The operating system's own. On Linux the Secret Service and nothing else: the library's default there is the kernel's keyring, which
 * forgets at reboot and fails for root.
 */
export const systemKeychain: OpenEntry = async (account) => {
  const { AsyncEntry } = await import('@napi-rs/keyring');
  return new AsyncEntry(SERVICE, account, { linux: { store: 'secret-service' } });
};

/** The entry of one context of one directory. As bytes, for Windows counts those of UTF-16 against 2,560. */
export function keychainStore(
  directory: string,
  context: string,
  openEntry: OpenEntry = systemKeychain,
): SessionStore {
  const owner = createHash('sha256').update(directory).digest('hex').slice(0, 12);
  const account = `${context} (${owner})`;
  const entry = () => orUnavailable(openEntry(account));
  return {
    kind: 'keychain',
    where: keychainName(),
    async read() {
      const secret = await orUnavailable((await entry()).getSecret(soon()));
      return secret ? sessionIn(Buffer.from(Uint8Array.from(secret)).toString('utf8')) : undefined;
    },
    async write(session) {
      await orUnavailable((await entry()).setSecret(Buffer.from(JSON.stringify(session)), soon()));
    },
    async clear() {
      await orUnavailable((await entry()).deleteCredential(soon()));
    },
  };
}

/**
 * Whether the keychain keeps what it is given: writes a canary, reads it and takes it away. One that only says that it is there may be
 * locked, or without a collection to write to.
 */
export async function keychainWorks(openEntry: OpenEntry = systemKeychain): Promise<boolean> {
  try {
    const canary = randomUUID();
    const entry = await openEntry(`canary ${canary}`);
    await entry.setSecret(Buffer.from(canary), soon());
    const read = await entry.getSecret(soon());
    await entry.deleteCredential(soon());
    return (
      read !== null &&
      read !== undefined &&
      Buffer.from(Uint8Array.from(read)).equals(Buffer.from(canary))
    );
  } catch {
    return false;
  }
}

function soon(): AbortSignal {
  return AbortSignal.timeout(TIMEOUT_MS);
}

async function orUnavailable<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw new AppError(
      'CAPABILITY_MISSING',
      `${keychainName()} cannot be used; sign in again with \`syntropy login --store file\`.`,
      { store: 'keychain' },
      { cause: error },
    );
  });
}

function keychainName(): string {
  if (process.platform === 'darwin') return 'the macOS keychain';
  return process.platform === 'win32' ? 'the Windows credential manager' : 'the Secret Service';
}
