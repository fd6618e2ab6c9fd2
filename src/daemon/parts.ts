import type { Logger } from 'pino';

import type { Config } from '../core/config/load.js';
import type { StatePaths } from '../core/config/state-paths.js';
import type { Enrolment } from '../core/services/node/identity.js';
import type { OpenDatabase } from '../core/storage/postgres/database.js';
import type { Retention } from '../core/utils/history.js';
import type { Tracing } from './observability/tracing.js';

import { AgentRepository } from '../core/storage/postgres/agent.repository.js';
import { AuditRepository } from '../core/storage/postgres/audit.repository.js';
import { DaemonRepository } from '../core/storage/postgres/daemon.repository.js';
import { EventRepository } from '../core/storage/postgres/event.repository.js';
import { IdempotencyRepository } from '../core/storage/postgres/idempotency.repository.js';
import { MachineRepository } from '../core/storage/postgres/machine.repository.js';
import { NodeRepository } from '../core/storage/postgres/node.repository.js';
import { OperationRepository } from '../core/storage/postgres/operation.repository.js';
import { ProvisioningRepository } from '../core/storage/postgres/provisioning.repository.js';
import { SampleRepository } from '../core/storage/postgres/sample.repository.js';

/** What a daemon is made of: opened by main.ts, wired by compose.ts. */
export interface Parts {
  readonly config: Config;
  readonly database: OpenDatabase;
  readonly schemaVersion: number;
  readonly masterKey: Buffer;
  readonly paths: StatePaths;
  readonly log: Logger;
  /** Absent: nobody collects traces. */
  readonly tracing?: Tracing | undefined;
  /** The built writer program. */
  readonly writerEntry: string;
  /** The built release of the agent. */
  readonly agentRelease: string;
  /** What is put on sticks for machines to join by themselves. */
  readonly enrolment: Pick<Enrolment, 'script' | 'unit'>;
  readonly daemonId: string;
  /** Begins to stop this daemon; answers at once. */
  readonly onStop: () => void;
}

export type Stores = ReturnType<typeof openStores>;

/** The repositories that more than one part of the daemon works with. */
export function openStores({ database: { db }, daemonId }: Parts) {
  return {
    daemons: new DaemonRepository(db),
    provisioning: new ProvisioningRepository(db, daemonId),
    nodes: new NodeRepository(db),
    agents: new AgentRepository(db),
    machines: new MachineRepository(db),
    samples: new SampleRepository(db),
    operations: new OperationRepository(db),
    events: new EventRepository(db),
    idempotency: new IdempotencyRepository(db, daemonId),
    audit: new AuditRepository(db, daemonId),
  };
}

export function now(): Date {
  return new Date();
}

/** How long samples of nodes are kept. */
export function retentionOf(config: Config): Retention {
  return {
    raw: config.get('samples.rawHours') * 3_600,
    minute: config.get('samples.minuteDays') * 86_400,
    hour: config.get('samples.hourDays') * 86_400,
  };
}
