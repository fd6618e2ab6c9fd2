import { Type } from 'typebox';

import { operation } from '../operation.js';
import { Input } from '../schemas/common.js';
import { Caller, MemberName, SessionTokens } from '../schemas/member.js';

const Password = Type.String({ minLength: 10, maxLength: 1024 });

/** Long enough for any secret of ours, too short to make hashing it a burden. */
const Secret = Type.String({ minLength: 8, maxLength: 128 });

export const createSession = operation({
  id: 'sessions.create',
  kind: 'mutation',
  summary: 'Sign in with a password; or redeem an invitation, which sets the password.',
  permission: 'public',
  http: ['POST', '/v1/sessions'],
  httpStatus: 201,
  input: Input({
    member: Type.Optional(MemberName),
    password: Password,
    invitation: Type.Optional(Secret),
    client: Type.Optional(
      Type.String({ maxLength: 128, description: 'What signs in, for the list of sessions.' }),
    ),
  }),
  output: SessionTokens,
  errors: ['LOGIN_FAILED', 'INVITATION_INVALID', 'RATE_LIMITED', 'INPUT_INVALID'],
  cost: 20,
});

export const refreshSession = operation({
  id: 'sessions.refresh',
  kind: 'mutation',
  summary:
    'Exchange a refresh token for new tokens. One that was used before ends its whole session.',
  permission: 'public',
  http: ['POST', '/v1/sessions/refresh'],
  quiet: true,
  input: Input({ refreshToken: Secret }),
  output: SessionTokens,
  errors: ['SESSION_ENDED'],
});

export const deleteSession = operation({
  id: 'sessions.delete',
  kind: 'mutation',
  summary: 'Sign out: the session that calls ends, and its tokens with it.',
  permission: 'self:read',
  http: ['DELETE', '/v1/sessions/current'],
  input: Input({}),
  output: Type.Object({ ended: Type.Boolean() }),
  errors: ['INPUT_INVALID'],
});

export const getSession = operation({
  id: 'sessions.get',
  kind: 'query',
  summary: 'Who calls, and what they may do.',
  permission: 'self:read',
  http: ['GET', '/v1/sessions/current'],
  input: Input({}),
  output: Caller,
  errors: [],
});
