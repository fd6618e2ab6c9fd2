import type { Drive } from '../../src/contract/schemas/drive.js';
import type { OperationRecord } from '../../src/contract/schemas/operation.js';
import type { Answers } from './scripted-daemon.js';

import { nodeNamed } from './scripted-daemon.js';

const AT = '2026-01-02T03:04:05.000Z';
const OPERATION = '018f6e2a-0000-7000-8000-0000000000aa';

export const stick: Drive = {
  path: '/dev/sdz',
  sizeBytes: 15_600_000_000,
  model: 'Ultra Fit',
  vendor: 'SanDisk',
  serial: 'S-123',
  byId: 'usb-SanDisk_Ultra_Fit',
  logicalBlockBytes: 512,
  removable: true,
  readOnly: false,
  uses: [],
  partitions: [
    {
      path: '/dev/sdz1',
      sizeBytes: 8_000_000_000,
      label: 'HOLIDAYS',
      filesystem: 'vfat',
      mountpoints: [],
    },
  ],
};

/** A daemon's part in the writing of a stick, which takes until the test says how it ends. */
export function scriptedWrite(options: { readonly drive?: Drive } = {}) {
  let record: OperationRecord = {
    id: OPERATION,
    kind: 'nodes.create',
    status: 'running',
    subject: 'admin',
    node: { id: nodeNamed('node-01').id, name: 'node-01' },
    createdAt: AT,
    startedAt: AT,
  };
  const listeners = new Set<() => void>();
  const end = (change: Partial<OperationRecord>) => {
    record = { ...record, endedAt: AT, ...change };
    for (const tell of listeners) tell();
  };
  const answers: Answers = {
    'nodes.plan': ({ body }) => ({
      name: nameIn(body),
      action: 'create',
      ...(options.drive ? { drive: options.drive } : { output: '/images/node-01.img' }),
      image: { source: 'seed', format: 'raw', fileBytes: 1000, imageBytes: 1000 },
      identityFiles: ['meta-data', 'user-data'],
      warnings: [],
    }),
    'nodes.create': ({ body }) => ({
      node: nodeNamed(nameIn(body), { status: 'provisioning' }),
      operation: record,
      warnings: [],
    }),
    'nodes.get': () => nodeNamed('node-01'),
    'operations.get': () => record,
    'operations.cancel': () => {
      const cancelling = { ...record, cancelRequestedAt: AT };
      end({
        status: 'cancelled',
        error: {
          code: 'OPERATION_CANCELLED',
          message: 'The write was cancelled. The stick is unusable.',
          hint: 'Repeat the command to start again.',
          details: { targetState: 'unusable' },
        },
      });
      return cancelling;
    },
    'events.list': () => ({ events: [], cursor: '7' }),
    'events.follow': (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const send = (cursor: string, type: string, payload: object) =>
        response.write(
          `id: ${cursor}\ndata: ${JSON.stringify({ cursor, type, object: { kind: 'operation', id: OPERATION }, payload, createdAt: AT })}\n\n`,
        );
      const progress = { phase: 'write', doneBytes: 400, totalBytes: 1000, bytesPerSecond: 100 };
      send('8', 'operation.progressed', { progress });
      const tell = () => send('9', 'operation.ended', {});
      listeners.add(tell);
      response.on('close', () => listeners.delete(tell));
      if (record.endedAt) tell();
      return undefined;
    },
  };
  return { answers, end };
}

function nameIn(body: unknown): string {
  return typeof body === 'object' && body !== null && 'name' in body ? String(body.name) : '';
}
