import type { MemberService } from '../../core/services/cooperative/member.service.js';
import type { TokenService } from '../../core/services/cooperative/token.service.js';
import type { Handlers } from '../dispatch.js';
import type { Subject } from '../subject.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { decodeCursor, encodeCursor } from '../page-cursor.js';

const DEFAULT_LIMIT = 100;

/** Personal access tokens. */
export function tokenHandlers(
  tokens: TokenService,
  members: MemberService,
): Pick<Handlers, 'tokens.list' | 'tokens.create' | 'tokens.revoke'> {
  const wanted = async (member: string | undefined, subject: Subject): Promise<string> => {
    if (member === undefined) return subject.id;
    const { id } = await members.get(member);
    if (id === subject.id || subject.permissions.has('tokens:any')) return id;
    throw new AppError('PERMISSION_DENIED', `${subject.name} lacks tokens:any.`, {
      permission: 'tokens:any',
    });
  };
  return {
    'tokens.list': async ({ member, all, cursor, limit = DEFAULT_LIMIT }, { subject }) => {
      const page = await tokens.list({
        memberId: await wanted(member, subject),
        all: all ?? false,
        ...(cursor === undefined ? {} : { after: decodeCursor(cursor) }),
        limit: limit + 1,
      });
      const shown = page.slice(0, limit);
      const last = shown.at(-1);
      return {
        tokens: shown,
        ...(page.length > limit && last
          ? { nextCursor: encodeCursor(`${last.createdAt.toISOString()}|${last.id}`) }
          : {}),
      };
    },
    'tokens.create': async (input, { subject }, note) => {
      const made = await tokens.create(subject, input);
      note({ object: { kind: 'token', ref: made.token.id } });
      return made;
    },
    'tokens.revoke': ({ token }) => tokens.revoke(token),
  };
}
