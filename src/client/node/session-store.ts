import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import type { SessionTokens } from '../../contract/schemas/member.js';
import type { SessionBackend } from './contexts.js';

/** Where the tokens of one context are kept between commands. */
export interface SessionStore {
  readonly kind: SessionBackend;
  /** For people: the path, or the name of the keychain. */
  readonly where: string;
  /** Undefined: none, or one that cannot be read any more. */
  read(): Promise<SessionTokens | undefined>;
  write(session: SessionTokens): Promise<void>;
  clear(): Promise<void>;
}

/** A file that only this user can read, in the directory of the contexts. */
export function fileStore(directory: string, context: string): SessionStore {
  const where = path.join(directory, 'sessions', `session-${context}.json`);
  return {
    kind: 'file',
    where,
    async read() {
      return sessionIn(await readFile(where, 'utf8').catch(() => undefined));
    },
    async write(session) {
      await mkdir(path.dirname(where), { recursive: true, mode: 0o700 });
      // Never seen half, and never for a moment with the rights of others.
      const temporary = `${where}.${process.pid}.tmp`;
      await rm(temporary, { force: true });
      const handle = await open(temporary, 'wx', 0o600);
      try {
        await handle.writeFile(`${JSON.stringify(session)}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, where);
    },
    clear: () => rm(where, { force: true }),
  };
}

/** What was kept, if it is a session still: a damaged one is none, and a new login replaces it. */
export function sessionIn(text: string | null | undefined): SessionTokens | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return isSession(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isSession(value: unknown): value is SessionTokens {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  return ['accessToken', 'expiresAt', 'refreshToken', 'refreshExpiresAt'].every(
    (name) => typeof fields.get(name) === 'string',
  );
}
