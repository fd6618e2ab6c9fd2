import { Type } from 'typebox';

import { MachineHash, PublicKey, Signature } from '../agent/protocol.js';
import { operation } from '../operation.js';
import { Input, NodeRef, Timestamp } from '../schemas/common.js';
import { NodeName } from '../schemas/node.js';

export const joinAgent = operation({
  id: 'agents.join',
  kind: 'mutation',
  summary:
    'Redeem a join token for a machine. The same machine may ask again with the same keys: it gets the same answer and spends nothing.',
  permission: 'public',
  http: ['POST', '/v1/agents'],
  httpStatus: 201,
  object: { kind: 'node', field: 'name', isNew: true },
  input: Input({
    secret: Type.String({ pattern: '^synjoin_[A-Za-z0-9_-]{43}$' }),
    name: Type.Optional(NodeName),
    identityKey: PublicKey,
    wireguardKey: PublicKey,
    machine: MachineHash,
    agentVersion: Type.String({ maxLength: 64, pattern: '^[0-9A-Za-z.+-]+$' }),
    at: Timestamp,
    signature: Signature,
  }),
  output: Type.Object({
    node: NodeRef,
    approval: Type.Union([Type.Literal('approved'), Type.Literal('pending')]),
    at: Timestamp,
  }),
  errors: [
    'JOIN_TOKEN_INVALID',
    'JOIN_TOKEN_SPENT',
    'JOIN_TOKEN_EXPIRED',
    'JOIN_PROOF_INVALID',
    'NODE_NAME_TAKEN',
    'NAME_INVALID',
    'INPUT_INVALID',
    'RATE_LIMITED',
  ],
  cost: 20,
});
