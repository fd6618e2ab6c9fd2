import { boundedAnswer } from './bounded-answer.js';

/** The database must answer within this, or callers are better served by another replica. */
export const DATABASE_TIMEOUT_MS = 2_000;
/** Probes come from several sides; the database is asked once. */
const KEEP_MS = 1_000;

interface Check {
  readonly status: 'ok' | 'degraded' | 'failed';
  readonly reason?: string;
}

export interface ReadinessReport {
  /** `degraded` still serves everything, if less well. */
  readonly status: 'ready' | 'degraded' | 'unready';
  readonly degraded: readonly string[];
  readonly checks: Readonly<Record<string, Check>>;
}

export interface Readiness {
  report(): Promise<ReadinessReport>;
  /** Not ready from now on, so that nobody sends new work here. */
  stop(): void;
}

/** Whether this daemon should be sent work. `parts` are those it can do without, by name. */
export function createReadiness(deps: {
  /** Version of the schema in the database; failing, the database is not there. */
  readonly readSchemaVersion: () => Promise<number>;
  /** The version that this program needs. */
  readonly schemaVersion: number;
  readonly parts: Readonly<Record<string, () => 'ok' | 'degraded'>>;
}): Readiness {
  const readSchema = boundedAnswer(deps.readSchemaVersion, {
    timeoutMs: DATABASE_TIMEOUT_MS,
    keepMs: KEEP_MS,
  });
  let stopping = false;
  return {
    stop() {
      stopping = true;
    },
    async report() {
      // Also then the rest is said: whoever looks at a daemon that does not stop wants to know why.
      const stop: Readonly<Record<string, Check>> = stopping
        ? { stopping: { status: 'failed', reason: 'the daemon is stopping' } }
        : {};
      const parts = Object.entries(deps.parts).map(([name, state]): readonly [string, Check] => [
        name,
        { status: state() },
      ]);
      const database = await databaseChecks(readSchema, deps.schemaVersion);
      return summary({ ...stop, ...database, ...Object.fromEntries(parts) });
    },
  };
}

async function databaseChecks(
  readSchema: () => Promise<number>,
  needed: number,
): Promise<Readonly<Record<string, Check>>> {
  try {
    return { database: { status: 'ok' }, schema: schemaCheck(await readSchema(), needed) };
  } catch {
    // Never the driver's text: it may quote where and as whom it connects.
    return { database: { status: 'failed', reason: 'the database does not answer' } };
  }
}

/** A newer schema is what a rolling update looks like from a replica that is still to be replaced. */
function schemaCheck(found: number, needed: number): Check {
  if (found === needed) return { status: 'ok' };
  const reason = `the database has schema ${found}, this program is of schema ${needed}`;
  return { status: found > needed ? 'degraded' : 'failed', reason };
}

function summary(checks: Readonly<Record<string, Check>>): ReadinessReport {
  const named = (status: Check['status']) =>
    Object.entries(checks)
      .filter(([, check]) => check.status === status)
      .map(([name]) => name);
  const degraded = named('degraded');
  const worst = degraded.length > 0 ? 'degraded' : 'ready';
  return { status: named('failed').length > 0 ? 'unready' : worst, degraded, checks };
}
