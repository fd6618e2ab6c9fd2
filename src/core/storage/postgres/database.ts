import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';

import { AppError } from '../../types/errors/app-error.js';
import { errorCode } from '../../types/errors/error-code.js';
import { withTypedFailures } from './typed-failures.js';
import { EmbeddedPostgres } from './embedded/supervisor.js';

const MAX_CONNECTIONS = 10;
const CONNECT_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 30_000;
/** Later than the server's own limit: for a server that has gone without a word. */
const ANSWER_TIMEOUT_MS = 40_000;
const OLDEST_SUPPORTED = 150_000;

export interface DatabaseOptions {
  /** A PostgreSQL server; absent, the embedded one of this state directory. */
  readonly databaseUrl?: string;
  readonly stateDir: string;
  readonly logDir: string;
  /** Told when a connection breaks or the embedded server is restarted. Never with a secret. */
  readonly onTrouble: (what: string, details: Record<string, unknown>) => void;
}

export interface OpenDatabase {
  readonly kind: 'embedded' | 'external';
  readonly db: Kysely<unknown>;
  readonly pool: pg.Pool;
  readonly version: string;
  /** Where it is, without any secret. */
  readonly location: string;
  /** For connections beside the pool, such as one that listens. */
  readonly connection: pg.ClientConfig;
  close(): Promise<void>;
}

/**
 * Opens the database of a daemon: bounded pool, bounded waits.
 * @throws {AppError} DATABASE_UNAVAILABLE, DATABASE_UNSUPPORTED (older than 15), CONFIG_INVALID (not a URL).
 */
export async function openDatabase(options: DatabaseOptions): Promise<OpenDatabase> {
  if (options.databaseUrl !== undefined) {
    const connection = { connectionString: options.databaseUrl };
    return open('external', connection, describeUrl(options.databaseUrl), options, async () => {});
  }
  const embedded = await EmbeddedPostgres.start({
    stateDir: options.stateDir,
    logDir: options.logDir,
    onEvent: (event, details) => options.onTrouble(`embedded postgres ${event}`, details),
  });
  return open('embedded', embedded.connection, embedded.location, options, () => embedded.stop());
}

async function open(
  kind: OpenDatabase['kind'],
  connection: pg.ClientConfig,
  location: string,
  options: DatabaseOptions,
  afterClose: () => Promise<void>,
): Promise<OpenDatabase> {
  const pool = new pg.Pool({
    ...connection,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'syntropy',
  });
  // An idle connection that breaks is replaced by the pool; unheard, its error would end the process.
  pool.on('error', (error) => options.onTrouble('connection lost', { reason: error.message }));
  // One that breaks while it is in use fails its query; unheard, its own error would end the process all the same.
  pool.on('connect', (client) => client.on('error', () => undefined));
  try {
    const version = await supportedVersion(pool, location);
    const db = new Kysely<unknown>({
      dialect: new PostgresDialect({ pool: withTypedFailures(pool) }),
    });
    return {
      kind,
      db,
      pool,
      version,
      location,
      connection,
      async close() {
        await db.destroy();
        // Kysely leaves a pool alone that it was never asked to use.
        if (!pool.ending) await pool.end();
        await afterClose();
      },
    };
  } catch (error) {
    await pool.end();
    await afterClose();
    throw error;
  }
}

async function supportedVersion(pool: pg.Pool, location: string): Promise<string> {
  const { rows } = await pool
    .query<{ number: string; version: string }>(
      `select current_setting('server_version_num') as number, current_setting('server_version') as version`,
    )
    .catch((error: unknown) => {
      throw new AppError(
        'DATABASE_UNAVAILABLE',
        `The database at ${location} cannot be reached: ${reasonOf(error)}.`,
        { database: location },
      );
    });
  const row = rows[0];
  if (row && Number(row.number) >= OLDEST_SUPPORTED)
    return row.version.split(' ')[0] ?? row.version;
  throw new AppError('DATABASE_UNSUPPORTED', `PostgreSQL ${row?.version ?? ''} is too old.`, {
    version: row?.version ?? 'unknown',
  });
}

/** The code alone: the text of a connection error may quote what was in the URL. */
function reasonOf(error: unknown): string {
  return errorCode(error) ?? 'no answer';
}

/** Host, port and database of a URL, as the driver reads it. @throws {AppError} CONFIG_INVALID without quoting it. */
function describeUrl(databaseUrl: string): string {
  try {
    if (!/^postgres(ql)?:\/\//.test(databaseUrl)) throw new TypeError('another protocol');
    const { host, port, database } = new pg.Client({ connectionString: databaseUrl });
    return `${host}:${port}/${database ?? ''}`;
  } catch {
    throw new AppError(
      'CONFIG_INVALID',
      'DATABASE_URL must be like postgres://user@host:5432/name.',
      { key: 'database.url' },
    );
  }
}
