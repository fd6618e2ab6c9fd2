import { Type } from 'typebox';

import { operation } from '../operation.js';
import { Input } from '../schemas/common.js';

/** A public key as RFC 7517 has it. */
const Jwk = Type.Object({
  kty: Type.Literal('RSA'),
  use: Type.Literal('sig'),
  alg: Type.Literal('RS256'),
  kid: Type.String(),
  n: Type.String(),
  e: Type.String(),
});

const KeySet = Type.Object({ keys: Type.Array(Jwk) });

export const listKeys = operation({
  id: 'keys.list',
  kind: 'query',
  summary:
    'Public keys that sign access tokens, as a JSON Web Key Set; also at /.well-known/jwks.json.',
  permission: 'public',
  http: ['GET', '/v1/keys'],
  input: Input({}),
  output: KeySet,
  errors: [],
});

export const rotateKeys = operation({
  id: 'keys.rotate',
  kind: 'mutation',
  summary: 'Sign with a new key from now on. Tokens of the old one hold until they expire.',
  permission: 'daemon:admin',
  http: ['POST', '/v1/keys/rotate'],
  input: Input({}),
  output: KeySet,
  errors: [],
  idempotent: true,
});
