import os from 'node:os';

import type { StatePaths } from '../../core/config/state-paths.js';
import type { BackupSummary } from '../../core/storage/postgres/backup/create.js';
import type { OpenDatabase } from '../../core/storage/postgres/database.js';
import type { Handlers } from '../dispatch.js';
import type { ApiFacts } from '../transports/api-listener.js';

import { API_VERSION } from '../../contract/registry.js';
import { version } from '../../core/utils/version.js';

/** What a daemon knows of itself. */
export interface DaemonFacts {
  readonly id: string;
  readonly startedAt: Date;
  readonly paths: StatePaths;
  readonly database: Pick<OpenDatabase, 'kind' | 'version' | 'location'>;
  readonly schemaVersion: number;
  readonly runningOperations: number;
  /** Absent when it listens on its local socket only. */
  readonly api: ApiFacts | undefined;
  readonly opsUrl: string;
  readonly caSha256: string;
}

export type BackupDaemon = (
  file: string,
  options: { readonly replace: boolean; readonly signal: AbortSignal },
) => Promise<BackupSummary>;

/** The daemon that answers, and how it is stopped. */
export function daemonHandlers(deps: {
  readonly facts: () => DaemonFacts;
  readonly onStop: () => void;
  readonly backup: BackupDaemon;
}): Pick<Handlers, 'daemon.get' | 'daemon.stop' | 'daemon.backup'> {
  return {
    'daemon.get': async () => describeDaemon(deps.facts()),
    'daemon.stop': async () => {
      const { runningOperations } = deps.facts();
      // After the answer is on its way.
      setImmediate(deps.onStop);
      return { pid: process.pid, interrupted: runningOperations };
    },
    'daemon.backup': ({ path, replace = false }, { signal }) =>
      deps.backup(path, { replace, signal }),
  };
}

export function describeDaemon(facts: DaemonFacts) {
  const { paths, database } = facts;
  return {
    id: facts.id,
    pid: process.pid,
    version,
    apiVersion: API_VERSION,
    host: os.hostname(),
    startedAt: facts.startedAt,
    uptimeSeconds: Math.round((Date.now() - facts.startedAt.getTime()) / 1000),
    stateDir: paths.stateDir,
    socket: paths.socketPath,
    logFile: paths.logFile,
    database: {
      kind: database.kind,
      version: database.version,
      location: database.location,
      schemaVersion: facts.schemaVersion,
    },
    capabilities: process.platform === 'linux' ? ['usb', 'image'] : ['image'],
    runningOperations: facts.runningOperations,
    opsUrl: facts.opsUrl,
    caSha256: facts.caSha256,
    ...(facts.api ? { api: facts.api } : {}),
  };
}
