import type { SessionTokens } from '../../src/contract/schemas/member.js';
import type { Answers } from './scripted-daemon.js';

import { AppError } from '../../src/core/types/errors/app-error.js';

/** What every secret of these tests has in it, to be looked for where no secret may be. */
export const CANARY = 'canary';

const ANA = { id: '018f6e2a-0000-7000-8000-0000000000bb', name: 'ana' };

/** The rules of signing in, as a daemon has them, and what they have seen. */
export function scriptedSession({ password = `${CANARY}-password`, livesForMs = 900_000 } = {}) {
  let count = 0;
  let open = false;
  const next = (): SessionTokens => {
    count += 1;
    return {
      accessToken: `${CANARY}.access.${count}`,
      expiresAt: new Date(Date.now() + livesForMs).toISOString(),
      refreshToken: `synref_${CANARY}_${count}`,
      refreshExpiresAt: new Date(Date.now() + 86_400_000).toISOString(),
      member: ANA,
    };
  };
  const session = {
    get count() {
      return count;
    },
    get open() {
      return open;
    },
    /** As an administrator does, or somebody who used a token twice. */
    end: () => {
      open = false;
    },
    answers: {
      'keys.list': () => ({ keys: [] }),
      'sessions.create': ({ body }) => {
        const asked = new Map<string, unknown>(Object.entries(body ?? {}));
        if (asked.get('password') !== password) {
          throw new AppError('LOGIN_FAILED', 'This name and password do not sign in.');
        }
        open = true;
        return next();
      },
      'sessions.refresh': ({ body }) => {
        const { refreshToken } = Object.fromEntries(Object.entries(body ?? {}));
        if (!open || refreshToken !== `synref_${CANARY}_${count}`) {
          open = false;
          throw new AppError('SESSION_ENDED', 'This session has ended.');
        }
        return next();
      },
      'sessions.delete': ({ headers }) => {
        if (headers.authorization !== `Bearer ${CANARY}.access.${count}`) {
          throw new AppError('TOKEN_INVALID', 'This token is not good.');
        }
        open = false;
        return { ended: true };
      },
      'sessions.get': ({ headers }) => {
        if (headers.authorization === undefined) {
          throw new AppError('AUTH_REQUIRED', 'This needs a token.');
        }
        const via = headers.authorization.includes('synpat_') ? 'token' : 'session';
        return { member: ANA, roles: ['member'], permissions: ['nodes:read'], via };
      },
    } satisfies Answers as Answers,
  };
  return session;
}
