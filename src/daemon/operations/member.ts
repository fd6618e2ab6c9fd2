import type { MemberService } from '../../core/services/cooperative/member.service.js';
import type { Handlers } from '../dispatch.js';

import { decodeCursor, encodeCursor } from '../page-cursor.js';

const DEFAULT_LIMIT = 100;

/** Members: from the contract to the rules and back. */
export function memberHandlers(
  members: MemberService,
): Pick<
  Handlers,
  'members.list' | 'members.get' | 'members.create' | 'members.update' | 'members.delete'
> {
  return {
    'members.list': async ({ status, role, removed, cursor, limit = DEFAULT_LIMIT }) => {
      const page = await members.list({
        ...(status === undefined ? {} : { status }),
        ...(role === undefined ? {} : { role }),
        removed: removed ?? status === 'removed',
        ...(cursor === undefined ? {} : { after: decodeCursor(cursor) }),
        limit: limit + 1,
      });
      const shown = page.slice(0, limit);
      const last = shown.at(-1);
      return {
        members: shown,
        ...(page.length > limit && last ? { nextCursor: encodeCursor(last.name) } : {}),
      };
    },
    'members.get': ({ member }) => members.get(member),
    'members.create': async (input, { subject }, note) => {
      const made = await members.create(subject, input);
      note({ object: { kind: 'member', ref: made.member.id } });
      return made;
    },
    'members.update': ({ member, ...change }, { subject }) =>
      members.update(subject, member, change),
    'members.delete': ({ member, transferTo }, { subject }) =>
      members.remove(subject, member, transferTo),
  };
}
