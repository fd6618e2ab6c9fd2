import { Type } from 'typebox';

import { operation } from '../operation.js';
import { IfVersion, Input, PageCursor, PageLimit, Ref } from '../schemas/common.js';
import { Invitation, Member, MemberName, MemberStatus, RoleNames } from '../schemas/member.js';

const Description = Type.String({ maxLength: 1024, description: 'Empty removes it.' });

const InvitationTtl = Type.Integer({
  minimum: 60,
  maximum: 2_592_000,
  description: 'How long the invitation can be redeemed, in seconds. Default: 7 days.',
});

export const listMembers = operation({
  id: 'members.list',
  kind: 'query',
  summary: 'List members, in the order of their names.',
  permission: 'members:read',
  http: ['GET', '/v1/members'],
  input: Input({
    status: Type.Optional(MemberStatus),
    role: Type.Optional(Type.String({ maxLength: 63 })),
    removed: Type.Optional(Type.Boolean({ description: 'Also those that were removed.' })),
    cursor: Type.Optional(PageCursor),
    limit: Type.Optional(PageLimit),
  }),
  output: Type.Object({ members: Type.Array(Member), nextCursor: Type.Optional(PageCursor) }),
  errors: ['INPUT_INVALID'],
});

export const getMember = operation({
  id: 'members.get',
  kind: 'query',
  summary: 'One member, by id or name.',
  permission: 'members:read',
  http: ['GET', '/v1/members/:member'],
  input: Input({ member: Ref }),
  output: Member,
  errors: ['MEMBER_NOT_FOUND'],
});

export const createMember = operation({
  id: 'members.create',
  kind: 'mutation',
  summary: 'Add a member. Answers the invitation, this once; a retry with the same key has it not.',
  permission: 'members:write',
  http: ['POST', '/v1/members'],
  object: { kind: 'member', field: 'name', isNew: true },
  httpStatus: 201,
  input: Input({
    name: MemberName,
    roles: Type.Optional(RoleNames),
    description: Type.Optional(Description),
    invitationTtlSeconds: Type.Optional(InvitationTtl),
  }),
  output: Type.Object({ member: Member, invitation: Type.Optional(Invitation) }),
  secrets: ['invitation'],
  errors: ['NAME_INVALID', 'MEMBER_NAME_TAKEN', 'ROLE_NOT_FOUND', 'PERMISSION_DENIED'],
  idempotent: true,
});

export const updateMember = operation({
  id: 'members.update',
  kind: 'mutation',
  summary:
    'Change a member. New roles and `disabled` hold at once, for every session and token. `invite` makes a new invitation, which also replaces a lost password.',
  permission: 'members:write',
  http: ['PATCH', '/v1/members/:member'],
  object: { kind: 'member', field: 'member' },
  input: Input({
    member: Ref,
    ifVersion: Type.Optional(IfVersion),
    name: Type.Optional(MemberName),
    roles: Type.Optional(RoleNames),
    description: Type.Optional(Description),
    disabled: Type.Optional(Type.Boolean()),
    invite: Type.Optional(Type.Boolean()),
    invitationTtlSeconds: Type.Optional(InvitationTtl),
  }),
  output: Type.Object({ member: Member, invitation: Type.Optional(Invitation) }),
  secrets: ['invitation'],
  errors: [
    'MEMBER_NOT_FOUND',
    'MEMBER_NAME_TAKEN',
    'MEMBER_BUILT_IN',
    'NAME_INVALID',
    'ROLE_NOT_FOUND',
    'VERSION_CONFLICT',
    'PERMISSION_DENIED',
  ],
  idempotent: true,
});

export const deleteMember = operation({
  id: 'members.delete',
  kind: 'mutation',
  summary:
    'Remove a member: sessions and tokens end, the name is free again, the history stays. Its nodes, and its containers with the secrets that they use, go to `transferTo`; its other secrets are removed.',
  permission: 'members:write',
  http: ['DELETE', '/v1/members/:member'],
  object: { kind: 'member', field: 'member' },
  input: Input({
    member: Ref,
    transferTo: Type.Optional(
      Type.String({ ...Ref, description: 'Member that takes over its nodes and its containers.' }),
    ),
  }),
  output: Type.Object({ member: Member, transferredNodes: Type.Integer() }),
  errors: ['MEMBER_NOT_FOUND', 'MEMBER_BUILT_IN', 'MEMBER_OWNS_NODES', 'PERMISSION_DENIED'],
  idempotent: true,
});
