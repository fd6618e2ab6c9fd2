import { Type } from 'typebox';

import { operation } from '../operation.js';
import { IfVersion, Input, Named, PageCursor, PageLimit, Ref } from '../schemas/common.js';
import {
  Container,
  ContainerDetails,
  ContainerName,
  ContainerPlan,
  ContainerStatus,
  Revision,
  Selector,
  SpecChangeFields,
  SpecFields,
  Usage,
} from '../schemas/container.js';
import { Labels } from '../schemas/node.js';

const object = { kind: 'container', field: 'container' } as const;
const which = { container: Ref };
const Replicas = Type.Integer({ minimum: 1, maximum: 100 });
export const ReplicaNumber = Type.Integer({
  minimum: 1,
  maximum: 100,
  description: 'Of which replica; absent, of all, or of the only one.',
});

/** A container as it is asked for. What is left out is as the defaults have it. */
const deployFields = {
  ...SpecFields,
  labels: Type.Optional(Labels),
  replicas: Type.Optional(Replicas),
  node: Type.Optional(Type.String({ ...Ref, description: 'The node that is to run it.' })),
  selector: Type.Optional(Selector),
  lostAfterSeconds: Type.Optional(
    Type.Integer({
      minimum: 30,
      maximum: 31_536_000,
      description: 'After how long without a word of its node a replica is placed elsewhere.',
    }),
  ),
  payFrom: Type.Optional(
    Type.String({
      ...Ref,
      description: 'The node of one’s own that pays; the only one by default.',
    }),
  ),
};
const deployErrors = [
  'NAME_INVALID',
  'INPUT_INVALID',
  'PAYER_REQUIRED',
  'NODE_NOT_FOUND',
  'NODE_OFFLINE',
  'NODE_DRAINED',
  'ENGINE_MISSING',
  'OFFER_TOO_SMALL',
  'PORT_TAKEN',
  'NO_PLACE',
  'SECRET_NOT_FOUND',
  'PERMISSION_DENIED',
  'LIMIT_REACHED',
] as const;

export const listContainers = operation({
  id: 'containers.list',
  kind: 'query',
  summary: 'List containers, in the order of their names.',
  permission: 'containers:read',
  http: ['GET', '/v1/containers'],
  input: Input({
    status: Type.Optional(ContainerStatus),
    node: Type.Optional(Type.String({ ...Ref, description: 'Only those with a replica there.' })),
    label: Type.Optional(
      Type.String({ maxLength: 320, description: '`key=value`, or `key` for any value.' }),
    ),
    removed: Type.Optional(
      Type.Boolean({ description: 'Also those that failed to come up or were removed.' }),
    ),
    cursor: Type.Optional(PageCursor),
    limit: Type.Optional(PageLimit),
  }),
  output: Type.Object({
    containers: Type.Array(Container),
    nextCursor: Type.Optional(PageCursor),
  }),
  errors: ['INPUT_INVALID', 'NODE_NOT_FOUND'],
});

export const getContainer = operation({
  id: 'containers.get',
  kind: 'query',
  summary: 'One container of one’s own, by id or name, with all that is known of its replicas.',
  permission: 'containers:read',
  http: ['GET', '/v1/containers/:container'],
  object,
  input: Input(which),
  output: ContainerDetails,
  errors: ['CONTAINER_NOT_FOUND'],
});

export const planContainer = operation({
  id: 'containers.plan',
  kind: 'query',
  summary:
    'What deploying, or changing, a container would do, with every check made and nothing changed.',
  permission: 'containers:deploy',
  http: ['POST', '/v1/containers/plan'],
  cost: 5,
  input: Input({ name: ContainerName, ...deployFields }),
  output: ContainerPlan,
  errors: [...deployErrors],
});

export const deployContainer = operation({
  id: 'containers.deploy',
  kind: 'mutation',
  summary:
    'Run a container on nodes of the grid. Answers when places are reserved; follow its events from there.',
  permission: 'containers:deploy',
  http: ['POST', '/v1/containers'],
  httpStatus: 201,
  object: { kind: 'container', field: 'name', isNew: true },
  input: Input({ name: ContainerName, ...deployFields }),
  output: ContainerDetails,
  errors: [...deployErrors, 'CONTAINER_NAME_TAKEN'],
  idempotent: true,
});

export const applyContainer = operation({
  id: 'containers.apply',
  kind: 'mutation',
  summary:
    'Make a container what it is to be: deploy it where there is none, change it where it differs.',
  permission: 'containers:deploy',
  http: ['PUT', '/v1/containers/:name'],
  object: { kind: 'container', field: 'name', isNew: true },
  input: Input({ name: ContainerName, ...deployFields }),
  output: Type.Object({
    container: ContainerDetails,
    outcome: Type.Union([
      Type.Literal('created'),
      Type.Literal('updated'),
      Type.Literal('unchanged'),
    ]),
  }),
  errors: [...deployErrors],
  idempotent: true,
});

export const updateContainer = operation({
  id: 'containers.update',
  kind: 'mutation',
  summary:
    'Change a container: another revision takes over, replica by replica, or the one before stays.',
  permission: 'containers:deploy',
  http: ['PATCH', '/v1/containers/:container'],
  object,
  input: Input({
    ...which,
    ...SpecChangeFields,
    removeEnv: Type.Optional(Type.Array(Type.String({ maxLength: 128 }), { maxItems: 256 })),
    labels: Type.Optional(Labels),
    removeLabels: Type.Optional(Type.Array(Type.String({ maxLength: 63 }), { maxItems: 64 })),
    ifVersion: Type.Optional(IfVersion),
  }),
  output: ContainerDetails,
  errors: ['CONTAINER_NOT_FOUND', 'VERSION_CONFLICT', ...deployErrors],
  idempotent: true,
});

export const scaleContainer = operation({
  id: 'containers.scale',
  kind: 'mutation',
  summary: 'Have more or fewer replicas of a container.',
  permission: 'containers:deploy',
  http: ['POST', '/v1/containers/:container/scale'],
  object,
  input: Input({ ...which, replicas: Replicas, ifVersion: Type.Optional(IfVersion) }),
  output: ContainerDetails,
  errors: ['CONTAINER_NOT_FOUND', 'VERSION_CONFLICT', 'NO_PLACE', 'OFFER_TOO_SMALL', 'PORT_TAKEN'],
  idempotent: true,
});

export const startContainer = operation({
  id: 'containers.start',
  kind: 'mutation',
  summary: 'Start a container that was stopped, or has ended.',
  permission: 'containers:deploy',
  http: ['POST', '/v1/containers/:container/start'],
  object,
  input: Input(which),
  output: ContainerDetails,
  errors: ['CONTAINER_NOT_FOUND'],
  idempotent: true,
});

export const stopContainer = operation({
  id: 'containers.stop',
  kind: 'mutation',
  summary: 'Stop a container. It keeps its places, its volumes and its name.',
  permission: 'containers:deploy',
  http: ['POST', '/v1/containers/:container/stop'],
  object,
  input: Input(which),
  output: ContainerDetails,
  errors: ['CONTAINER_NOT_FOUND'],
  idempotent: true,
});

export const restartContainer = operation({
  id: 'containers.restart',
  kind: 'mutation',
  summary: 'Stop and start a container, as it is.',
  permission: 'containers:deploy',
  http: ['POST', '/v1/containers/:container/restart'],
  object,
  input: Input({ ...which, replica: Type.Optional(ReplicaNumber) }),
  output: ContainerDetails,
  errors: ['CONTAINER_NOT_FOUND', 'REPLICA_NOT_FOUND', 'CONTAINER_NOT_RUNNING'],
  idempotent: true,
});

export const removeContainer = operation({
  id: 'containers.remove',
  kind: 'mutation',
  summary: 'End a container and give up its places and its name. Its history stays.',
  permission: 'containers:deploy',
  http: ['DELETE', '/v1/containers/:container'],
  object,
  input: Input({
    ...which,
    volumes: Type.Optional(Type.Boolean({ description: 'Also what its volumes hold.' })),
    ifVersion: Type.Optional(IfVersion),
  }),
  output: Container,
  errors: ['CONTAINER_NOT_FOUND', 'VERSION_CONFLICT'],
  idempotent: true,
});

export const rollbackContainer = operation({
  id: 'containers.rollback',
  kind: 'mutation',
  summary: 'Go back to a revision: the one before, unless said otherwise. It becomes the newest.',
  permission: 'containers:deploy',
  http: ['POST', '/v1/containers/:container/rollback'],
  object,
  input: Input({
    ...which,
    revision: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000 })),
    ifVersion: Type.Optional(IfVersion),
  }),
  output: ContainerDetails,
  errors: ['CONTAINER_NOT_FOUND', 'REVISION_NOT_FOUND', 'VERSION_CONFLICT'],
  idempotent: true,
});

export const listRevisions = operation({
  id: 'containers.history',
  kind: 'query',
  summary: 'The revisions of a container, newest first; the last hundred.',
  permission: 'containers:read',
  http: ['GET', '/v1/containers/:container/revisions'],
  object,
  input: Input(which),
  output: Type.Object({ container: Named, revisions: Type.Array(Revision) }),
  errors: ['CONTAINER_NOT_FOUND'],
});

export const getUsage = operation({
  id: 'containers.usage',
  kind: 'query',
  summary: 'What a container has used, by lease, as its nodes have told.',
  permission: 'containers:read',
  http: ['GET', '/v1/containers/:container/usage'],
  object,
  input: Input({
    ...which,
    sinceSeconds: Type.Optional(Type.Integer({ minimum: 60, maximum: 34_560_000 })),
  }),
  output: Type.Object({ container: Named, usage: Type.Array(Usage) }),
  errors: ['CONTAINER_NOT_FOUND'],
});
