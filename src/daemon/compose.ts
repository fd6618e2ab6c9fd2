import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';

import { randomUUID } from 'node:crypto';
import os from 'node:os';

import type { Config } from '../core/config/load.js';
import type { StatePaths } from '../core/config/state-paths.js';
import type { OpenDatabase } from '../core/storage/postgres/database.js';
import type { BackupDaemon, DaemonFacts } from './operations/daemon.js';

import { createImageInspector } from '../core/platform/common/stick/image-inspector.js';
import { createOutputProbe } from '../core/platform/common/stick/output-probe.js';
import { createStickWriter } from '../core/platform/common/stick/stick-writer.js';
import { hostDrives } from '../core/platform/common/host-drives.js';
import { NodeService } from '../core/services/node/node.service.js';
import { UsbService } from '../core/services/usb/usb.service.js';
import { createBackup } from '../core/storage/postgres/backup/create.js';
import { DaemonRepository } from '../core/storage/postgres/daemon.repository.js';
import { EventRepository } from '../core/storage/postgres/event.repository.js';
import { IdempotencyRepository } from '../core/storage/postgres/idempotency.repository.js';
import { KeyRepository } from '../core/storage/postgres/key.repository.js';
import { listen } from '../core/storage/postgres/listener.js';
import { NodeRepository } from '../core/storage/postgres/node.repository.js';
import { OperationRepository } from '../core/storage/postgres/operation.repository.js';
import { ProvisioningRepository } from '../core/storage/postgres/provisioning.repository.js';
import { certificateSha256, ensureGridKeys } from './auth/grid-keys.js';
import { joinTokens } from './auth/join-tokens.js';
import { createDispatch } from './dispatch.js';
import { EventHub } from './events/event-hub.js';
import { createIdempotencyGate } from './idempotency.js';
import { startHousekeeping } from './jobs/housekeeping.js';
import { OperationRunner } from './jobs/operation-runner.js';
import { daemonHandlers } from './operations/daemon.js';
import { eventHandlers } from './operations/event.js';
import { nodeHandlers } from './operations/node.js';
import { operationHandlers } from './operations/operation.js';
import { usbHandlers } from './operations/usb.js';
import { createRestServer } from './transports/rest/server.js';

/** A client that does not read its answer must not keep a stopping daemon. */
const CLOSE_TIMEOUT_MS = 5_000;

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

/** A daemon, wired and not yet listening. */
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
  const { db } = database;
  const startedAt = new Date();
  const daemons = new DaemonRepository(db);
  const provisioning = new ProvisioningRepository(db, daemonId);
  await daemons.register({ id: daemonId, host: os.hostname(), pid: process.pid, startedAt });
  const others = (await daemons.alive()).filter((id) => id !== daemonId);
  const interrupted = await provisioning.interruptOrphans(others, now());

  const keys = await ensureGridKeys(new KeyRepository(db, parts.masterKey), startedAt);
  const events = new EventRepository(db);
  const hub = new EventHub(events);
  const listener = listen(database.connection, 'syntropy_events', () => hub.wake());
  const runner = new OperationRunner(log);
  const idempotency = new IdempotencyRepository(db);

  const usb = composeUsb(parts);
  const nodes = new NodeService({
    store: nodeStore(new NodeRepository(db), provisioning),
    sticks: usb,
    jobs: runner,
    tokens: joinTokens,
    address: () => ({
      publicUrl: config.get('publicUrl'),
      caSha256: certificateSha256(keys.ca.publicPem),
    }),
    newId: randomUUID,
    now,
  });

  const facts = (): DaemonFacts => ({
    id: daemonId,
    startedAt,
    paths,
    database,
    schemaVersion: parts.schemaVersion,
    runningOperations: runner.count,
  });
  const dispatch = createDispatch(
    {
      ...nodeHandlers(nodes),
      ...usbHandlers(usb),
      ...operationHandlers({ store: new OperationRepository(db), runner, now }),
      ...eventHandlers(hub),
      ...daemonHandlers({ facts, onStop: parts.onStop, backup: backups(parts) }),
    },
    createIdempotencyGate(idempotency),
  );
  const rest = createRestServer({
    dispatch,
    localSubject: { id: 'admin', permissions: 'all' },
    log,
  });
  const housekeeping = startHousekeeping({ config, daemons, daemonId, events, idempotency, log });
  return {
    rest,
    facts,
    interrupted,
    async close() {
      housekeeping.stop();
      const stopped = await runner.stopAll();
      log.info({ interrupted: stopped }, 'jobs ended');
      hub.close();
      await closeServer(rest);
      await listener.close();
      await daemons.remove(daemonId).catch(() => undefined);
    },
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

/** Lets answers that are under way be sent, a bounded time. */
async function closeServer(rest: FastifyInstance): Promise<void> {
  const force = setTimeout(() => rest.server.closeAllConnections(), CLOSE_TIMEOUT_MS);
  await rest.close();
  clearTimeout(force);
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
