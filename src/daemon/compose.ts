import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';

import { randomUUID } from 'node:crypto';
import os from 'node:os';

import type { Config } from '../core/config/load.js';
import type { StatePaths } from '../core/config/state-paths.js';
import type { OpenDatabase } from '../core/storage/postgres/database.js';
import type { ApiFacts } from './transports/api-listener.js';
import type { BackupDaemon, DaemonFacts } from './operations/daemon.js';

import { createImageInspector } from '../core/platform/common/stick/image-inspector.js';
import { createOutputProbe } from '../core/platform/common/stick/output-probe.js';
import { createStickWriter } from '../core/platform/common/stick/stick-writer.js';
import { hostDrives } from '../core/platform/common/host-drives.js';
import { NodeService } from '../core/services/node/node.service.js';
import { UsbService } from '../core/services/usb/usb.service.js';
import { AuditRepository } from '../core/storage/postgres/audit.repository.js';
import { createBackup } from '../core/storage/postgres/backup/create.js';
import { DaemonRepository } from '../core/storage/postgres/daemon.repository.js';
import { EventRepository } from '../core/storage/postgres/event.repository.js';
import { IdempotencyRepository } from '../core/storage/postgres/idempotency.repository.js';
import { seekLeadership } from '../core/storage/postgres/leader.js';
import { listen } from '../core/storage/postgres/listener.js';
import { NodeRepository } from '../core/storage/postgres/node.repository.js';
import { OperationRepository } from '../core/storage/postgres/operation.repository.js';
import { ProvisioningRepository } from '../core/storage/postgres/provisioning.repository.js';
import { AppError } from '../core/types/errors/app-error.js';
import { AuditTrail } from './audit/audit-trail.js';
import { joinTokens } from './auth/join-tokens.js';
import { composeIdentity, gridId } from './compose-identity.js';
import { composeTransports } from './compose-transports.js';
import { createDispatch } from './dispatch.js';
import { EventHub } from './events/event-hub.js';
import { createIdempotencyGate } from './idempotency.js';
import { startHousekeeping } from './jobs/housekeeping.js';
import { OperationRunner } from './jobs/operation-runner.js';
import { createLimits } from './limits/policy.js';
import { auditHandlers } from './operations/audit.js';
import { daemonHandlers } from './operations/daemon.js';
import { eventHandlers } from './operations/event.js';
import { nodeHandlers } from './operations/node.js';
import { operationHandlers } from './operations/operation.js';
import { usbHandlers } from './operations/usb.js';
import { openReplicas } from './replicas.js';
import { version } from './version.js';

/** Sessions that have ended are kept this long, so that a refresh token that comes late is still told from an unknown one. */
const KEEP_SESSIONS_DAYS = 30;

export interface Parts {
  readonly config: Config;
  readonly database: OpenDatabase;
  readonly schemaVersion: number;
  readonly masterKey: Buffer;
  readonly paths: StatePaths;
  readonly log: Logger;
  /** The built writer program. */
  readonly writerEntry: string;
  readonly daemonId: string;
  /** Begins to stop this daemon; answers at once. */
  readonly onStop: () => void;
}

/** A daemon, wired. The API for members elsewhere listens already, if there is to be one; the local socket does not yet. */
export interface Daemon {
  readonly rest: FastifyInstance;
  readonly facts: () => DaemonFacts;
  /** How many operations a crash had left running; they are marked by now. */
  readonly interrupted: number;
  /** Ends jobs (they are recorded as interrupted), then open streams and requests. The database stays open. */
  close(): Promise<void>;
}

/** Builds the one daemon object graph. Everything that a piece needs is given here, by name. */
export async function compose(parts: Parts): Promise<Daemon> {
  const { config, database, log, daemonId, paths } = parts;
  const startedAt = new Date();
  const stores = openStores(parts);
  const { daemons, provisioning, audit } = stores;
  await daemons.register({ id: daemonId, host: os.hostname(), pid: process.pid, startedAt });
  const others = (await daemons.alive()).filter((id) => id !== daemonId);
  const interrupted = await provisioning.interruptOrphans(others, now());
  await audit.adopt(others);
  await stores.idempotency.releaseOwn();

  const replicas = await openReplicas({
    redisUrl: config.get('redis.url'),
    namespace: await gridId(parts, now),
    release: version,
    onTrouble: (what, details) => log.warn(details, what),
  });
  const limits = createLimits(replicas.limiter, config);
  const identity = await composeIdentity(parts, limits, now);
  const hub = new EventHub(stores.events);
  const runner = new OperationRunner(log);
  const cancelAsked = async () => {
    for (const id of await stores.operations.toCancel(daemonId)) runner.cancel(id);
  };
  const woken = (type: string | undefined) => {
    identity.onEvent(type);
    if (type === undefined || type === 'operation.cancel-requested') {
      cancelAsked().catch((error: unknown) => log.warn({ err: error }, 'cancelling failed'));
    }
    hub.wake();
  };
  const listener = listen(database.connection, 'syntropy_events', woken);
  replicas.wakeUps.onWake(woken);

  const usb = composeUsb(parts);
  const nodes = new NodeService({
    store: nodeStore(stores.nodes, provisioning),
    owners: identity.members,
    sticks: usb,
    jobs: runner,
    tokens: joinTokens,
    address: () => ({ publicUrl: config.get('publicUrl'), caSha256: identity.caSha256 }),
    newId: randomUUID,
    now,
  });

  let api: ApiFacts | undefined;
  const facts = (): DaemonFacts => ({
    id: daemonId,
    startedAt,
    paths,
    database,
    schemaVersion: parts.schemaVersion,
    runningOperations: runner.count,
    api,
    caSha256: identity.caSha256,
  });
  const dispatch = createDispatch({
    handlers: {
      ...nodeHandlers(nodes),
      ...usbHandlers(usb),
      ...operationHandlers({ store: stores.operations, runner, now }),
      ...eventHandlers(hub),
      ...auditHandlers(audit, identity.members),
      ...daemonHandlers({ facts, onStop: parts.onStop, backup: backups(parts) }),
      ...identity.handlers,
    },
    idempotency: createIdempotencyGate(stores.idempotency),
    audit: new AuditTrail({ store: audit, now }),
    objects: {
      node: { find: ownedNode(stores.nodes), any: 'nodes:any' },
      operation: {
        find: ownedOperation(stores.operations),
        any: 'operations:any',
        hidden: operationNotFound,
      },
      token: identity.tokenRule,
    },
    limit: limits.subject,
    cached: async (topic, key, load) => {
      const cursor = await stores.events.topicCursor(topic);
      const text = await replicas.cache.through(`${key} @${cursor}`, async () =>
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
  const stopping = new AbortController();
  const transports = await composeTransports({
    config,
    log,
    dispatch,
    limits,
    authenticator: identity.authenticator,
    authority: identity.authority,
    stopping: stopping.signal,
  });
  api = transports.api;

  const leadership = seekLeadership(database.connection);
  const housekeeping = startHousekeeping(
    chores(parts, stores, identity, daemonId),
    leadership,
    log,
  );
  return {
    rest: transports.local,
    facts,
    interrupted,
    async close() {
      stopping.abort();
      housekeeping.stop();
      const stopped = await runner.stopAll();
      log.info({ interrupted: stopped }, 'jobs ended');
      transports.endStreams();
      hub.close();
      await transports.close();
      await leadership.close();
      await listener.close();
      replicas.close();
      await daemons.remove(daemonId).catch(() => undefined);
    },
  };
}

type Stores = ReturnType<typeof openStores>;

function openStores({ database: { db }, daemonId }: Parts) {
  return {
    daemons: new DaemonRepository(db),
    provisioning: new ProvisioningRepository(db, daemonId),
    nodes: new NodeRepository(db),
    operations: new OperationRepository(db),
    events: new EventRepository(db),
    idempotency: new IdempotencyRepository(db, daemonId),
    audit: new AuditRepository(db, daemonId),
  };
}

/** What is done by the clock, and by whom. */
function chores(
  { config }: Parts,
  { daemons, provisioning, events, idempotency, audit }: Stores,
  { sessionStore, keys }: Awaited<ReturnType<typeof composeIdentity>>,
  daemonId: string,
) {
  return {
    beat: { what: 'heartbeat', work: () => daemons.beat(daemonId) },
    sweep: [
      {
        what: 'taking up operations of dead daemons',
        work: async () => provisioning.interruptOrphans(await daemons.alive(), now()),
      },
      {
        what: 'entering calls of dead daemons',
        work: async () => audit.adopt(await daemons.alive()),
      },
    ],
    prune: [
      {
        what: 'pruning events',
        work: () => events.prune(config.get('events.maxRows'), config.get('events.maxAgeDays')),
      },
      { what: 'pruning idempotency keys', work: () => idempotency.prune() },
      { what: 'pruning the audit log', work: () => audit.prune(config.get('audit.maxAgeDays')) },
      { what: 'pruning sessions', work: () => sessionStore.prune(KEEP_SESSIONS_DAYS) },
      {
        what: 'renewing the signing key',
        work: () => keys.rotateWhenOld(config.get('auth.keyRotationDays'), now()),
      },
    ],
  };
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

function now(): Date {
  return new Date();
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
    update: nodes.update.bind(nodes),
    delete: nodes.delete.bind(nodes),
    beginProvisioning: provisioning.beginProvisioning.bind(provisioning),
    reportProgress: provisioning.reportProgress.bind(provisioning),
    endProvisioning: provisioning.endProvisioning.bind(provisioning),
  };
}
