import type { AccessToken } from '../contract/schemas/member.js';
import type { Column } from './table.js';

import { formatAge } from './format.js';
import { fields } from './table.js';

export const tokenColumns: readonly Column<AccessToken>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'MEMBER', value: ({ member }) => member.name },
  { title: 'STATE', value: (token) => tokenState(token) },
  { title: 'EXPIRES', value: ({ expiresAt }) => expiresAt },
  { title: 'USED', value: ({ lastUsedAt }) => (lastUsedAt ? `${formatAge(lastUsedAt)} ago` : '') },
  { title: 'SCOPES', value: ({ scopes }) => scopes.join(',') },
  { title: 'ID', value: ({ id }) => id },
];

/** All that is known of one token, a line each; its secret is not. */
export function describeToken(token: AccessToken): string {
  return fields([
    ['Token', token.name],
    ['Id', token.id],
    ['Of', token.member.name],
    ['State', tokenState(token)],
    ['Scopes', token.scopes.join(', ')],
    ['Expires', token.expiresAt],
    ['Revoked', token.revokedAt],
  ]);
}

function tokenState({ revokedAt, expiresAt }: AccessToken): string {
  if (revokedAt !== undefined) return 'revoked';
  return Date.parse(expiresAt) <= Date.now() ? 'expired' : 'good';
}
