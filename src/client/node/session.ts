import path from 'node:path';

import type { SessionTokens } from '../../contract/schemas/member.js';
import type { Credentials } from './remote.js';
import type { SessionStore } from './session-store.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { withFileLock } from './file-lock.js';

/** A token that ends sooner is renewed first, so that it does not end on its way. */
const LEEWAY_MS = 30_000;

export interface SessionOptions {
  readonly directory: string;
  readonly context: string;
  readonly store: SessionStore;
  /** Asks the daemon for new tokens. Throws AppError SESSION_ENDED when it gives none. */
  readonly refresh: (refreshToken: string) => Promise<SessionTokens>;
  /** Keeps new tokens. They are the only ones that are good from now on, so it does not fail for want of a keychain. */
  readonly keep: (session: SessionTokens) => Promise<void>;
  readonly now?: () => number;
}

/**
 * The access token of whoever signed in, renewed before it ends. Commands that run side by side renew it once: under a lock, and with a
 * look at what another has left there.
 */
export function sessionCredentials(options: SessionOptions): Credentials {
  const { store } = options;
  const now = options.now ?? Date.now;
  const isGood = (session: SessionTokens) => Date.parse(session.expiresAt) - LEEWAY_MS > now();
  // A command that watches for hours asks the keychain once for each token, and not for each call.
  let held: SessionTokens | undefined;
  return {
    async token() {
      if (held && isGood(held)) return held.accessToken;
      held = await store.read();
      if (!held || isGood(held)) return held?.accessToken;
      return renew(options, isGood);
    },
    renewed(refused) {
      held = undefined;
      return renew(options, ({ accessToken }) => accessToken !== refused);
    },
  };
}

/** A token from the environment: it wins over every session, and there is no other in its place. */
export function fixedCredentials(token: string): Credentials {
  const bare = token.trim();
  if (!/^[\w.~+/=-]{1,8192}$/.test(bare)) {
    throw new AppError('USAGE_INVALID', 'What SYNTROPY_TOKEN holds cannot be a token.');
  }
  return { token: async () => bare, renewed: async () => undefined };
}

async function renew(
  options: SessionOptions,
  isGood: (session: SessionTokens) => boolean,
): Promise<string | undefined> {
  const { directory, context, store } = options;
  const lock = path.join(directory, 'sessions', `session-${context}.lock`);
  return withFileLock(lock, async () => {
    const session = await store.read();
    // Another command was quicker; or signed out.
    if (!session || isGood(session)) return session?.accessToken;
    try {
      const renewed = await options.refresh(session.refreshToken);
      await options.keep(renewed);
      return renewed.accessToken;
    } catch (error) {
      if (!hasEnded(error)) throw error;
      return afterEnd(store, session, error);
    }
  });
}

/** The lock of a file does not reach over the network: a command on another machine with the same home may have won. */
async function afterEnd(store: SessionStore, lost: SessionTokens, error: unknown): Promise<string> {
  const present = await store.read();
  if (present && present.refreshToken !== lost.refreshToken) return present.accessToken;
  await store.clear();
  throw error;
}

function hasEnded(error: unknown): boolean {
  return error instanceof AppError && error.code === 'SESSION_ENDED';
}
