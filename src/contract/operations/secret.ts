import { Type } from 'typebox';

import { operation } from '../operation.js';
import { Input, Ref } from '../schemas/common.js';
import { Secret, SecretName } from '../schemas/container.js';

export const listSecrets = operation({
  id: 'secrets.list',
  kind: 'query',
  summary: 'List secrets of one’s own, by name. What they are, nobody sees.',
  permission: 'secrets:read',
  http: ['GET', '/v1/secrets'],
  input: Input({}),
  output: Type.Object({ secrets: Type.Array(Secret) }),
  errors: [],
});

export const setSecret = operation({
  id: 'secrets.set',
  kind: 'mutation',
  summary:
    'Set a secret, or another value of it. Containers that use it get it when they are made anew.',
  permission: 'secrets:write',
  http: ['PUT', '/v1/secrets/:name'],
  object: { kind: 'secret', field: 'name', isNew: true },
  input: Input({
    name: SecretName,
    base64: Type.String({
      maxLength: 90_000,
      pattern: '^[A-Za-z0-9+/]*={0,2}$',
      description: 'Its value, up to 64 KiB.',
    }),
  }),
  output: Secret,
  errors: ['INPUT_INVALID', 'PERMISSION_DENIED', 'LIMIT_REACHED'],
  idempotent: true,
});

export const removeSecret = operation({
  id: 'secrets.remove',
  kind: 'mutation',
  summary: 'Remove a secret that no container uses.',
  permission: 'secrets:write',
  http: ['DELETE', '/v1/secrets/:secret'],
  object: { kind: 'secret', field: 'secret' },
  input: Input({ secret: Ref }),
  output: Secret,
  errors: ['SECRET_NOT_FOUND', 'SECRET_IN_USE'],
  idempotent: true,
});
