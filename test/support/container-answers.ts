import type { Answers } from './scripted-daemon.js';

import { CONTAINER_ID, containerNamed, runningReplica, streamOf } from './scripted-container.js';

const AT = '2026-01-02T03:04:05.000Z';
const OPERATION = '018f6e2a-0000-7000-8000-0000000000aa';

/** A container with every field that a container can have. */
const container = containerNamed('web', {
  statusReason: 'one restarts',
  labels: { app: 'shop' },
  observedAt: AT,
  digest: `sha256:${'ab'.repeat(32)}`,
  placement: {
    node: containerNamed('web').payFrom,
    selector: { site: 'attic' },
    lostAfterSeconds: 300,
  },
  instances: [
    runningReplica({
      reason: 'unhealthy',
      code: 'CONTAINER_UNHEALTHY',
      lastWords: 'no\n',
      exitCode: 1,
      ports: [{ host: 32_768, container: 80, protocol: 'tcp' }],
    }),
  ],
});
const secret = {
  id: OPERATION,
  name: 'db',
  owner: container.owner,
  usedBy: [{ id: CONTAINER_ID, name: 'web' }],
  createdAt: AT,
  updatedAt: AT,
  version: 2,
};

/** What a daemon answers about them. */
export const containerAnswers = {
  'containers.list': () => ({ containers: [container] }),
  'containers.get': () => container,
  'containers.plan': () => ({
    name: 'web',
    action: 'create',
    spec: container.spec,
    replicas: 1,
    payFrom: container.payFrom,
    placements: [{ replica: 1, node: container.payFrom }],
    rejections: [
      { node: { id: OPERATION, name: 'node-02' }, code: 'NODE_OFFLINE', message: 'It is away.' },
    ],
    unconfined: ['writableRoot'],
    changed: [],
    warnings: [],
  }),
  'containers.deploy': () => container,
  'containers.start': () => container,
  'containers.stop': () => container,
  'containers.restart': () => container,
  'containers.scale': () => container,
  'containers.update': () => container,
  'containers.rollback': () => container,
  'containers.remove': () => {
    const { spec: _, instances: __, digest: ___, ...rest } = container;
    return { ...rest, status: 'removing', desired: 'removed', formerName: 'web' };
  },
  'containers.history': () => ({
    container: { id: CONTAINER_ID, name: 'web' },
    revisions: [
      {
        revision: 1,
        spec: container.spec,
        createdAt: AT,
        createdBy: 'admin',
        state: 'failed',
        reason: 'it ended',
      },
    ],
  }),
  'containers.usage': () => ({
    container: { id: CONTAINER_ID, name: 'web' },
    usage: [
      {
        lease: OPERATION,
        replica: 1,
        node: container.payFrom,
        from: AT,
        to: AT,
        cpuSeconds: 1.5,
        memoryMibSeconds: 60,
        rxBytes: 1,
        txBytes: 2,
        wallSeconds: 60,
      },
    ],
  }),
  'containers.stats': (_, response) =>
    streamOf(response, [
      { replica: 1, node: 'node-01', cpuPercent: 12.5, memoryBytes: 1, memoryLimitBytes: 2 },
    ]),
  'containers.logs': (_, response) =>
    streamOf(response, [
      { replica: 1, node: 'node-01', lines: [{ at: AT, stream: 'stdout', text: 'hello' }] },
      { replica: 1, node: 'node-01', missing: 'it went away' },
    ]),
  'containers.exec': (_, response) =>
    streamOf(response, [
      { session: OPERATION },
      { stream: 'stdout', base64: 'aGk=' },
      { exitCode: 0 },
    ]),
  'secrets.list': () => ({ secrets: [secret] }),
  'secrets.set': () => secret,
  'secrets.remove': () => ({ ...secret, usedBy: [] }),
} satisfies Answers;
