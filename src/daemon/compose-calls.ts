import { randomUUID } from 'node:crypto';

import type { DaemonAddress } from '../core/services/node/node.ports.js';
import type { NodeRepository } from '../core/storage/postgres/node.repository.js';
import type { OperationRepository } from '../core/storage/postgres/operation.repository.js';
import type { ProvisioningRepository } from '../core/storage/postgres/provisioning.repository.js';
import type { Agents } from './compose-agents.js';
import type { Identity } from './compose-identity.js';
import type { Dispatch } from './dispatch.js';
import type { EventHub } from './events/event-hub.js';
import type { OperationRunner } from './jobs/operation-runner.js';
import type { Limits } from './limits/policy.js';
import type { BackupDaemon, DaemonFacts } from './operations/daemon.js';
import type { Replicas } from './replicas.js';

import { createImageInspector } from '../core/platform/common/stick/image-inspector.js';
import { createOutputProbe } from '../core/platform/common/stick/output-probe.js';
import { createStickWriter } from '../core/platform/common/stick/stick-writer.js';
import { hostDrives } from '../core/platform/common/host-drives.js';
import { MonitorService } from '../core/services/node/monitor.service.js';
import { NodeService } from '../core/services/node/node.service.js';
import { UsbService } from '../core/services/usb/usb.service.js';
import { createBackup } from '../core/storage/postgres/backup/create.js';
import { AppError } from '../core/types/errors/app-error.js';
import { AuditTrail } from './audit/audit-trail.js';
import { joinTokens } from './auth/join-tokens.js';
import { createDispatch } from './dispatch.js';
import { createIdempotencyGate } from './idempotency.js';
import { auditHandlers } from './operations/audit.js';
import { daemonHandlers } from './operations/daemon.js';
import { eventHandlers } from './operations/event.js';
import { monitorHandlers } from './operations/monitor.js';
import { nodeHandlers } from './operations/node.js';
import { operationHandlers } from './operations/operation.js';
import { usbHandlers } from './operations/usb.js';
import { now, type Parts, retentionOf, type Stores } from './parts.js';
import { version } from '../core/utils/version.js';

/** For so long at most an answer is given again, though nothing has happened. */
const KEPT_MS = 2_000;

interface CallParts extends Parts {
  readonly stores: Stores;
  readonly identity: Identity;
  readonly agents: Agents;
  readonly address: () => DaemonAddress;
  readonly limits: Limits;
  readonly hub: EventHub;
  readonly runner: OperationRunner;
  readonly replicas: Replicas;
  readonly facts: () => DaemonFacts;
}

/** Every operation of the contract, bound to the rules behind it, and the pipeline that all calls go through. */
export function composeCalls(parts: CallParts): Dispatch {
  const { stores, identity, agents, hub, runner, replicas, facts } = parts;
  const usb = composeUsb(parts);
  const nodes = composeNodes(parts, usb);
  return createDispatch({
    handlers: {
      ...nodeHandlers(nodes),
      ...monitorHandlers(composeMonitor(parts)),
      ...usbHandlers(usb),
      ...operationHandlers({ store: stores.operations, runner, now }),
      ...eventHandlers(hub),
      ...auditHandlers(stores.audit, identity.members),
      ...daemonHandlers({ facts, onStop: parts.onStop, backup: backups(parts) }),
      ...identity.handlers,
      ...agents.handlers,
      ...agents.containers.handlers,
    },
    idempotency: createIdempotencyGate(stores.idempotency),
    audit: new AuditTrail({ store: stores.audit, now }),
    objects: {
      node: { find: ownedNode(stores.nodes), any: 'nodes:any' },
      operation: {
        find: ownedOperation(stores.operations),
        any: 'operations:any',
        hidden: operationNotFound,
      },
      ...agents.containers.objects,
      token: identity.tokenRule,
      nodeToken: agents.tokenRule,
    },
    limit: parts.limits.subject,
    cached: async (topic, key, load) => {
      const cursor = await stores.events.topicCursor(topic);
      // Ages are in what is kept, and no event tells of time.
      const moment = Math.floor(Date.now() / KEPT_MS);
      const text = await replicas.cache.through(`${key} @${cursor} ${moment}`, async () =>
        JSON.stringify(await load()),
      );
      return JSON.parse(text);
    },
    onChange: (id) => {
      const type = id.replace(/s\./, '.');
      identity.onEvent(type);
      void replicas.wakeUps.publish(type);
    },
  });
}

function composeNodes(parts: CallParts, usb: UsbService) {
  const { stores, identity, agents, address, runner, enrolment } = parts;
  return new NodeService({
    store: nodeStore(stores.nodes, stores.provisioning),
    owners: identity.members,
    sticks: usb,
    jobs: runner,
    tokens: joinTokens,
    address,
    versions: agents.releases,
    enrolment,
    newId: randomUUID,
    now,
  });
}

function composeMonitor({ stores, config }: CallParts) {
  const { nodes, samples, machines } = stores;
  return new MonitorService({
    nodes,
    samples,
    machines,
    retention: retentionOf(config),
    version,
    now,
  });
}

/** Sticks of this host, written by a process of their own. */
function composeUsb({ config, log, writerEntry }: Parts): UsbService {
  return new UsbService({
    ...hostDrives(),
    images: createImageInspector(),
    outputs: createOutputProbe(),
    writer: createStickWriter({
      entry: writerEntry,
      onStderr: (text) => log.error({ stderr: text }, 'writer'),
    }),
    maxConcurrentWrites: config.get('usb.maxConcurrentWrites'),
  });
}

function backups({ database, paths }: Parts): BackupDaemon {
  const source = { connection: database.connection, stateDir: paths.stateDir };
  return (file, options) => createBackup(source, file, options);
}

function ownedNode(nodes: NodeRepository) {
  return async (ref: string) => {
    const node = await nodes.find(ref);
    if (node) return { id: node.id, ownerId: node.owner.id };
    throw new AppError('NODE_NOT_FOUND', `There is no node "${ref}".`, { node: ref });
  };
}

function ownedOperation(operations: OperationRepository) {
  return async (id: string) => {
    const operation = await operations.find(id);
    if (operation) return { id, ownerId: operation.memberId };
    throw operationNotFound(id);
  };
}

function operationNotFound(id: string): AppError {
  return new AppError('OPERATION_NOT_FOUND', `There is no operation ${id}.`, { operation: id });
}

/** One port over two repositories: making nodes is a matter of its own. */
function nodeStore(nodes: NodeRepository, provisioning: ProvisioningRepository) {
  return {
    list: nodes.list.bind(nodes),
    find: nodes.find.bind(nodes),
    paidFrom: nodes.paidFrom.bind(nodes),
    update: nodes.update.bind(nodes),
    delete: nodes.delete.bind(nodes),
    beginProvisioning: provisioning.beginProvisioning.bind(provisioning),
    reportProgress: provisioning.reportProgress.bind(provisioning),
    endProvisioning: provisioning.endProvisioning.bind(provisioning),
  };
}
