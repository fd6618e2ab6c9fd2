import { Type } from 'typebox';

import { operation } from '../operation.js';
import { Input, Named, PageCursor, PageLimit, Ref } from '../schemas/common.js';
import { NodeHealth } from '../schemas/health.js';
import { SampleAt } from '../schemas/sample.js';

export const listSamples = operation({
  id: 'nodes.samples',
  kind: 'query',
  summary: 'How the machine of a node fared: at most 500 points, each the mean of its time.',
  permission: 'nodes:read',
  http: ['GET', '/v1/nodes/:node/samples'],
  cost: 5,
  input: Input({
    node: Ref,
    sinceSeconds: Type.Optional(
      Type.Integer({
        minimum: 60,
        maximum: 34_560_000,
        default: 3_600,
        description: 'How much of the past. The more, the coarser.',
      }),
    ),
  }),
  output: Type.Object({
    node: Named,
    resolutionSeconds: Type.Integer({ description: 'How much time each point stands for.' }),
    points: Type.Array(SampleAt, { description: 'Oldest first. A time of silence has none.' }),
  }),
  errors: ['NODE_NOT_FOUND'],
});

export const listHealth = operation({
  id: 'nodes.health',
  kind: 'query',
  summary: 'What is wrong with nodes, and what to do about it.',
  permission: 'nodes:read',
  http: ['GET', '/v1/node-health'],
  cost: 2,
  input: Input({
    node: Type.Optional(Ref),
    cursor: Type.Optional(PageCursor),
    limit: Type.Optional(PageLimit),
  }),
  output: Type.Object({
    nodes: Type.Array(NodeHealth, {
      description: 'Also those that are well; in the order of their names.',
    }),
    nextCursor: Type.Optional(PageCursor),
  }),
  errors: ['NODE_NOT_FOUND', 'INPUT_INVALID'],
});
