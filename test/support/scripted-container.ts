import type { ServerResponse } from 'node:http';

import type { OperationOutput } from '../../src/contract/registry.js';

import { ADMIN_ID, ADMIN_NAME } from '../../src/core/types/constants/admin.js';

type Details = OperationOutput<'containers.get'>;
export type Replica = Details['instances'][number];

const AT = '2026-01-02T03:04:05.000Z';
const admin = { id: ADMIN_ID, name: ADMIN_NAME };
const node = { id: '018f6e2a-0000-7000-8000-000000000001', name: 'node-01' };
export const CONTAINER_ID = '018f6e2a-0000-7000-8000-0000000000c1';

/** A replica as the daemon would show it: placed, and nothing heard of it. */
export function replica(rest: Partial<Replica> = {}): Replica {
  const number = rest.replica ?? 1;
  return {
    lease: `018f6e2a-0000-7000-8000-0000000001${String(number).padStart(2, '0')}`,
    replica: number,
    node,
    revision: 1,
    phase: 'assigned',
    restarts: 0,
    ports: [],
    generation: 1,
    observedGeneration: 0,
    ...rest,
  };
}

/** The same when it runs. */
export function runningReplica(rest: Partial<Replica> = {}): Replica {
  return replica({
    phase: 'running',
    observedGeneration: 1,
    observedAt: AT,
    startedAt: AT,
    ...rest,
  });
}

/** A container as the daemon would show it, with one replica that runs. */
export function containerNamed(name: string, rest: Partial<Details> = {}): Details {
  return {
    id: CONTAINER_ID,
    name,
    owner: admin,
    image: 'nginx:1.27',
    status: 'running',
    statusSince: AT,
    desired: 'running',
    replicas: 1,
    replicasRunning: 1,
    revision: 1,
    labels: {},
    nodes: [node],
    payFrom: node,
    placement: { selector: {}, lostAfterSeconds: 300 },
    createdAt: AT,
    updatedAt: AT,
    version: 1,
    spec: {
      image: 'nginx:1.27',
      env: {},
      secrets: [],
      ports: [],
      volumes: [],
      cpuMillis: 500,
      memoryBytes: 2 ** 28,
      restart: 'unless-stopped',
      pull: 'missing',
      stopSeconds: 10,
      updateOrder: 'auto',
      confinement: {
        capAdd: [],
        writableRoot: false,
        allowPrivilegeEscalation: false,
        pidsLimit: 256,
      },
    },
    instances: [runningReplica()],
    ...rest,
  };
}

/** Answers a stream that is complete with these items. */
export function streamOf(response: ServerResponse, items: readonly unknown[]): undefined {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const item of items) response.write(`data: ${JSON.stringify(item)}\n\n`);
  response.end('event: end\ndata: {"reason":"complete"}\n\n');
}

/** Begins a stream that goes on: what is given to the function is sent, and nothing ends it. */
export function openStream(response: ServerResponse): (item: unknown) => void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  return (item) => response.write(`data: ${JSON.stringify(item)}\n\n`);
}
