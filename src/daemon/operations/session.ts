import type { SessionService } from '../../core/services/cooperative/session.service.js';
import type { Handlers } from '../dispatch.js';
import type { Subject } from '../subject.js';

import { AppError } from '../../core/types/errors/app-error.js';

/** Signing in and out, and who one is. */
export function sessionHandlers(
  sessions: SessionService,
): Pick<Handlers, 'sessions.create' | 'sessions.refresh' | 'sessions.get' | 'sessions.delete'> {
  return {
    'sessions.create': async (input, { source }, note) => {
      const tokens = await sessions.open({ ...input, source });
      note({ member: tokens.member });
      return tokens;
    },
    'sessions.refresh': async ({ refreshToken }, _, note) => {
      const tokens = await sessions.refresh(refreshToken);
      note({ member: tokens.member });
      return tokens;
    },
    'sessions.get': async (_, { subject }) => ({
      member: { id: subject.id, name: subject.name },
      ...(subject.actor ? { actor: subject.actor } : {}),
      roles: subject.roles,
      permissions: [...subject.permissions],
      via: viaOf(subject),
      ...(subject.expiresAt ? { expiresAt: subject.expiresAt } : {}),
    }),
    'sessions.delete': async (_, { subject }) => {
      if (subject.sessionId === undefined) {
        throw new AppError(
          'INPUT_INVALID',
          subject.via === 'token'
            ? 'A token has no session to end: revoke it instead.'
            : 'The local socket has no session to end.',
        );
      }
      return { ended: await sessions.end(subject.sessionId) };
    },
  };
}

/** Dispatch lets nobody through to here who showed nothing. */
function viaOf({ via }: Subject): Exclude<Subject['via'], 'none'> {
  if (via !== 'none') return via;
  throw new TypeError('A caller without any proof has come past dispatch.');
}
