import type { Daemon } from '../contract/schemas/daemon.js';

import { formatFingerprint, formatSeconds } from './format.js';
import { fields } from './table.js';

/** A running daemon, a line for each fact. */
export function describeDaemon(daemon: Daemon): string {
  const { database } = daemon;
  return fields([
    ['Daemon', `running for ${formatSeconds(daemon.uptimeSeconds)}, pid ${daemon.pid}`],
    ['Version', `${daemon.version} (API ${daemon.apiVersion})`],
    ['State', daemon.stateDir],
    ['Socket', daemon.socket],
    ['Log', daemon.logFile],
    ['API', daemon.api?.url],
    ['SHA-256', daemon.api?.fingerprint && formatFingerprint(daemon.api.fingerprint)],
    ['Metrics', `${daemon.opsUrl}/metrics`],
    [
      'Database',
      `${database.kind} PostgreSQL ${database.version}, schema ${database.schemaVersion}`,
    ],
    ['Stored at', database.location],
    ['Can', daemon.capabilities.join(', ')],
    ['Operations', `${daemon.runningOperations} running`],
  ]);
}
