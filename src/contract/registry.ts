import type { InputOf, Operation, OutputOf } from './operation.js';

import * as daemon from './operations/daemon.js';
import * as event from './operations/event.js';
import * as node from './operations/node.js';
import * as operation from './operations/operation.js';
import * as usb from './operations/usb.js';

/** Version of the API, `major.minor`. A client and a daemon of another major version do not work together. */
export const API_VERSION = '1.0';

/** Every operation there is, by id. Transports, client and references are made from this list and no other. */
export const registry = {
  'nodes.list': node.listNodes,
  'nodes.get': node.getNode,
  'nodes.plan': node.planNode,
  'nodes.create': node.createNode,
  'nodes.update': node.updateNode,
  'nodes.delete': node.deleteNode,
  'drives.list': usb.listDrives,
  'operations.list': operation.listOperations,
  'operations.get': operation.getOperation,
  'operations.cancel': operation.cancelOperation,
  'events.list': event.listEvents,
  'events.follow': event.followEvents,
  'daemon.get': daemon.getDaemon,
  'daemon.stop': daemon.stopDaemon,
  'daemon.backup': daemon.backupDaemon,
} as const satisfies Record<string, Operation>;

export type Registry = typeof registry;
export type OperationId = keyof Registry;
export type OperationInput<Id extends OperationId> = InputOf<Registry[Id]>;
export type OperationOutput<Id extends OperationId> = OutputOf<Registry[Id]>;

/** Ids of the operations that answer once. */
export type CallId = {
  [Id in OperationId]: Registry[Id]['kind'] extends 'stream' ? never : Id;
}[OperationId];
/** Ids of the operations that go on answering. */
export type StreamId = Exclude<OperationId, CallId>;
