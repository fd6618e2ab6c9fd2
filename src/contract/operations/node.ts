import { Type } from 'typebox';

import { RELEASE_VERSION } from '../agent/release.js';
import { operation } from '../operation.js';
import {
  AbsolutePath,
  Bytes,
  IfVersion,
  Input,
  PageCursor,
  PageLimit,
  Ref,
} from '../schemas/common.js';
import { Drive } from '../schemas/drive.js';
import {
  Labels,
  LogUnit,
  Node,
  NodeDetails,
  NodeName,
  NodeStatus,
  Offer,
} from '../schemas/node.js';
import { OperationRecord } from '../schemas/operation.js';

export const listNodes = operation({
  id: 'nodes.list',
  kind: 'query',
  summary: 'List nodes, in the order of their names.',
  permission: 'nodes:read',
  http: ['GET', '/v1/nodes'],
  cache: 'node',
  input: Input({
    status: Type.Optional(NodeStatus),
    label: Type.Optional(
      Type.String({ maxLength: 320, description: '`key=value`, or `key` for any value.' }),
    ),
    retired: Type.Optional(Type.Boolean({ description: 'Also those that were retired.' })),
    cursor: Type.Optional(PageCursor),
    limit: Type.Optional(PageLimit),
  }),
  output: Type.Object({ nodes: Type.Array(Node), nextCursor: Type.Optional(PageCursor) }),
  errors: ['INPUT_INVALID'],
});

export const getNode = operation({
  id: 'nodes.get',
  kind: 'query',
  summary: 'One node, by id or name, with its machine and how that fares.',
  permission: 'nodes:read',
  http: ['GET', '/v1/nodes/:node'],
  input: Input({ node: Ref }),
  output: NodeDetails,
  errors: ['NODE_NOT_FOUND'],
});

const createFields = {
  name: NodeName,
  owner: Type.Optional(
    Type.String({
      ...Ref,
      description: 'Member that it belongs to; the caller unless said otherwise.',
    }),
  ),
  target: Type.Union([
    Type.Object(
      {
        device: AbsolutePath,
        expect: Type.Optional(
          Type.Object(
            {
              serial: Type.Optional(Type.String({ maxLength: 255 })),
              byId: Type.Optional(Type.String({ maxLength: 255 })),
              sizeBytes: Bytes,
            },
            {
              additionalProperties: false,
              description: 'The stick that was confirmed; another one in its place is refused.',
            },
          ),
        ),
      },
      { additionalProperties: false },
    ),
    Type.Object(
      { output: AbsolutePath, replace: Type.Optional(Type.Boolean()) },
      { additionalProperties: false },
    ),
  ]),
  image: Type.Optional(
    Type.Union([Type.Literal('seed'), AbsolutePath], {
      description: 'An image file, or `seed` for the built-in one.',
    }),
  ),
  sha256: Type.Optional(Type.String({ pattern: '^[0-9a-fA-F]{64}$' })),
  description: Type.Optional(Type.String({ maxLength: 1024 })),
  labels: Type.Optional(Labels),
  sshKeys: Type.Optional(Type.Array(Type.String({ maxLength: 16_384 }), { maxItems: 32 })),
  daemonUrl: Type.Optional(Type.String({ maxLength: 2048 })),
  joinTtlSeconds: Type.Optional(Type.Integer({ minimum: 60, maximum: 31_536_000 })),
  verify: Type.Optional(Type.Boolean()),
  config: Type.Optional(Type.Boolean({ description: 'Whether the identity is placed on it.' })),
  unmount: Type.Optional(Type.Boolean()),
  eject: Type.Optional(Type.Boolean()),
  acceptRisks: Type.Optional(
    Type.Array(Type.Union([Type.Literal('not-removable')]), { maxItems: 8 }),
  ),
};

const provisioningErrors = [
  'NAME_INVALID',
  'NODE_NAME_TAKEN',
  'MEMBER_NOT_FOUND',
  'INPUT_INVALID',
  'DEVICE_NOT_FOUND',
  'DEVICE_NOT_BLOCK',
  'DEVICE_IS_PARTITION',
  'DEVICE_SYSTEM',
  'DEVICE_MOUNTED',
  'DEVICE_IN_USE',
  'DEVICE_BUSY',
  'DEVICE_READ_ONLY',
  'DEVICE_TOO_SMALL',
  'DEVICE_NOT_REMOVABLE',
  'DEVICE_CHANGED',
  'DEVICE_PERMISSION',
  'OUTPUT_EXISTS',
  'IMAGE_NOT_FOUND',
  'IMAGE_UNSUPPORTED',
  'IMAGE_AMBIGUOUS',
  'IMAGE_EMPTY',
  'IMAGE_CORRUPT',
  'IMAGE_CHECKSUM_MISMATCH',
  'IMAGE_WITHOUT_CIDATA',
  'LIMIT_REACHED',
  'CAPABILITY_MISSING',
] as const;

export const planNode = operation({
  id: 'nodes.plan',
  kind: 'query',
  summary: 'Run every check of `nodes.create` and tell what it would do, touching nothing.',
  permission: 'nodes:write',
  http: ['POST', '/v1/nodes/plan'],
  hostBound: true,
  cost: 5,
  input: Input(createFields),
  output: Type.Object({
    name: Type.String(),
    action: Type.Union([Type.Literal('create'), Type.Literal('retry')], {
      description: '`retry` goes on with the failed node of that name.',
    }),
    drive: Type.Optional(Drive),
    output: Type.Optional(Type.String()),
    image: Type.Object({
      source: Type.String(),
      format: Type.String(),
      fileBytes: Bytes,
      imageBytes: Type.Optional(Bytes),
      sha256: Type.Optional(Type.String()),
    }),
    identityFiles: Type.Array(Type.String()),
    daemonUrl: Type.Optional(Type.String()),
    warnings: Type.Array(Type.String()),
  }),
  errors: provisioningErrors,
});

export const createNode = operation({
  id: 'nodes.create',
  kind: 'mutation',
  summary: 'Register a node and write its stick.',
  permission: 'nodes:write',
  http: ['POST', '/v1/nodes'],
  hostBound: true,
  object: { kind: 'node', field: 'name', isNew: true },
  httpStatus: 202,
  input: Input(createFields),
  output: Type.Object({
    node: Node,
    operation: OperationRecord,
    warnings: Type.Array(Type.String()),
  }),
  errors: provisioningErrors,
  idempotent: true,
});

export const updateNode = operation({
  id: 'nodes.update',
  kind: 'mutation',
  summary: 'Change what people say about a node. Its id stays.',
  permission: 'nodes:write',
  http: ['PATCH', '/v1/nodes/:node'],
  object: { kind: 'node', field: 'node' },
  input: Input({
    node: Ref,
    ifVersion: Type.Optional(IfVersion),
    name: Type.Optional(NodeName),
    description: Type.Optional(Type.String({ maxLength: 1024, description: 'Empty removes it.' })),
    location: Type.Optional(Type.String({ maxLength: 255, description: 'Empty removes it.' })),
    owner: Type.Optional(
      Type.String({ ...Ref, description: 'Member that it belongs to from now on.' }),
    ),
    labels: Type.Optional(Labels),
    removeLabels: Type.Optional(Type.Array(Type.String({ maxLength: 63 }), { maxItems: 64 })),
    offer: Type.Optional(
      Type.Union([Offer, Type.Null()], {
        description: 'Parts that are given replace those of before; null lends nothing any more.',
      }),
    ),
    agentVersion: Type.Optional(
      Type.String({
        maxLength: 64,
        pattern: RELEASE_VERSION.source,
        description: 'Version that its agent is replaced with, or `latest` for the daemon’s own.',
      }),
    ),
  }),
  output: Node,
  errors: [
    'NODE_NOT_FOUND',
    'NODE_NAME_TAKEN',
    'NAME_INVALID',
    'INPUT_INVALID',
    'MEMBER_NOT_FOUND',
    'OFFER_EXCEEDS_HARDWARE',
    'AGENT_RELEASE_NOT_FOUND',
    'AGENT_NOT_JOINED',
    'VERSION_CONFLICT',
  ],
  idempotent: true,
});

export const restartNode = operation({
  id: 'nodes.restart',
  kind: 'mutation',
  summary:
    'Start the machine of a node anew. It has obeyed when it is online with another boot id.',
  permission: 'nodes:write',
  http: ['POST', '/v1/nodes/:node/restart'],
  object: { kind: 'node', field: 'node' },
  httpStatus: 202,
  input: Input({
    node: Ref,
    force: Type.Optional(
      Type.Boolean({ description: 'At once, without ending what runs there in order.' }),
    ),
  }),
  output: Type.Object({
    node: Node,
    bootId: Type.String({ description: 'Of the start that is to end.' }),
  }),
  errors: ['NODE_NOT_FOUND', 'NODE_OFFLINE'],
  idempotent: true,
});

export const drainNode = operation({
  id: 'nodes.drain',
  kind: 'mutation',
  summary: 'Give a node no new work.',
  permission: 'nodes:write',
  http: ['POST', '/v1/nodes/:node/drain'],
  object: { kind: 'node', field: 'node' },
  input: Input({ node: Ref, reason: Type.Optional(Type.String({ maxLength: 1024 })) }),
  output: Node,
  errors: ['NODE_NOT_FOUND'],
  idempotent: true,
});

export const undrainNode = operation({
  id: 'nodes.undrain',
  kind: 'mutation',
  summary: 'Give a node work again.',
  permission: 'nodes:write',
  http: ['POST', '/v1/nodes/:node/undrain'],
  object: { kind: 'node', field: 'node' },
  input: Input({ node: Ref }),
  output: Node,
  errors: ['NODE_NOT_FOUND'],
  idempotent: true,
});

export const followNodeLogs = operation({
  id: 'nodes.logs',
  kind: 'stream',
  summary:
    'The last lines of the log of a node’s agent, and new ones for as long as it is followed.',
  permission: 'nodes:write',
  http: ['GET', '/v1/nodes/:node/logs'],
  object: { kind: 'node', field: 'node' },
  input: Input({
    node: Ref,
    unit: Type.Optional(LogUnit),
    lines: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000, default: 100 })),
    follow: Type.Optional(Type.Boolean()),
  }),
  output: Type.Union([
    Type.Object({ line: Type.String({ description: 'As the agent wrote it, one JSON object.' }) }),
    Type.Object({ dropped: Type.Integer({ description: 'Lines that are missing here.' }) }),
  ]),
  errors: ['NODE_NOT_FOUND', 'NODE_OFFLINE', 'LIMIT_REACHED', 'TIMED_OUT'],
});

export const deleteNode = operation({
  id: 'nodes.delete',
  kind: 'mutation',
  summary:
    'Have a node take its keys away, and remove it, or retire it when anything still refers to it.',
  permission: 'nodes:write',
  http: ['DELETE', '/v1/nodes/:node'],
  object: { kind: 'node', field: 'node' },
  input: Input({
    node: Ref,
    ifVersion: Type.Optional(IfVersion),
    force: Type.Optional(
      Type.Boolean({
        description:
          'Also when its machine is not there to be told, or containers are paid from it, which go on being so.',
      }),
    ),
  }),
  output: Type.Object({
    node: Node,
    outcome: Type.Union([Type.Literal('removed'), Type.Literal('retired')]),
    wiped: Type.Optional(
      Type.Boolean({ description: 'Whether its machine has said that its keys are gone there.' }),
    ),
  }),
  errors: ['NODE_NOT_FOUND', 'NODE_BUSY', 'NODE_PAYS', 'NODE_OFFLINE', 'VERSION_CONFLICT'],
  idempotent: true,
});

export const approveNode = operation({
  id: 'nodes.approve',
  kind: 'mutation',
  summary: 'Let a machine in that joined with a token that asks for approval.',
  permission: 'nodes:approve',
  http: ['POST', '/v1/nodes/:node/approve'],
  object: { kind: 'node', field: 'node' },
  input: Input({ node: Ref }),
  output: Node,
  errors: ['NODE_NOT_FOUND', 'NODE_NOT_PENDING'],
  idempotent: true,
});

export const rejectNode = operation({
  id: 'nodes.reject',
  kind: 'mutation',
  summary:
    'Turn a machine away that waits for approval. Its keys are good for nothing from then on.',
  permission: 'nodes:approve',
  http: ['POST', '/v1/nodes/:node/reject'],
  object: { kind: 'node', field: 'node' },
  input: Input({ node: Ref, reason: Type.Optional(Type.String({ maxLength: 1024 })) }),
  output: Node,
  errors: ['NODE_NOT_FOUND', 'NODE_NOT_PENDING'],
  idempotent: true,
});
