import type { Caller, Invitation, Member } from '../contract/schemas/member.js';
import type { Column } from './table.js';

import { formatAge } from './format.js';
import { fields } from './table.js';

export const memberColumns: readonly Column<Member>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'STATUS', value: ({ status }) => status },
  { title: 'ROLES', value: ({ roles }) => roles.join(',') },
  { title: 'SEEN', value: ({ lastSeenAt }) => (lastSeenAt ? `${formatAge(lastSeenAt)} ago` : '') },
  { title: 'ID', value: ({ id }) => id },
];

/** All that is known of one member, a line each. */
export function describeMember(member: Member): string {
  return fields(factsOf(member));
}

/** The same of one that was invited just now. */
export function describeInvited({
  member,
  invitation,
}: {
  readonly member: Member;
  readonly invitation?: Pick<Invitation, 'expiresAt'>;
}): string {
  return fields([
    ...factsOf(member),
    ['Invitation', invitation && `until ${invitation.expiresAt}`],
  ]);
}

function factsOf(member: Member) {
  return [
    ['Member', member.name],
    ['Id', member.id],
    ['Status', member.status],
    ['Roles', member.roles.join(', ')],
    ['Description', member.description],
    ['Formerly', member.formerName],
    ['Last seen', member.lastSeenAt],
    ['Created', member.createdAt],
  ] as const;
}

const VIA: Readonly<Record<Caller['via'], string>> = {
  socket: 'the local socket',
  session: 'a session',
  token: 'an access token',
};

/** Who a command is to the daemon of a context. */
export function describeCaller(caller: Caller, context: string): string {
  return fields([
    ['Member', caller.member.name],
    ['Id', caller.member.id],
    ['On behalf of', caller.actor && `${caller.actor.name}, with --as`],
    ['Context', context],
    ['Through', VIA[caller.via]],
    ['Until', caller.expiresAt],
    ['Roles', caller.roles.join(', ')],
    ['May', caller.permissions.join(', ')],
  ]);
}
