import { pino, type Logger } from 'pino';
import { createStream } from 'rotating-file-stream';

/** Where these words stand as a key, the value never reaches the log. */
const SECRET_KEYS = [
  'authorization',
  'cookie',
  'password',
  'token',
  'joinToken',
  'secret',
  'databaseUrl',
  'connectionString',
];

export interface LogOptions {
  readonly directory: string;
  readonly fileName: string;
  readonly level: string;
  /** A file is rotated at this size… */
  readonly maxSizeMiB: number;
  /** …and this many older ones are kept, as `<name>.1` (newest) and up. */
  readonly maxFiles: number;
  /** Also to stderr, for a daemon in the foreground. */
  readonly foreground: boolean;
}

/** One JSON object a line, to a file that is rotated. Secrets are cut out by key, whatever their depth (up to two). */
export function createLogger(options: LogOptions): {
  readonly log: Logger;
  readonly close: () => Promise<void>;
} {
  const file = createStream(options.fileName, {
    path: options.directory,
    size: `${options.maxSizeMiB}M`,
    rotate: options.maxFiles,
    mode: 0o600,
  });
  // A full disk must not stop the daemon: the log is then lost, the work is not.
  file.on('error', () => undefined);
  const streams = [
    { level: options.level, stream: file },
    ...(options.foreground ? [{ level: options.level, stream: process.stderr }] : []),
  ] as const;
  const log = pino(
    {
      level: options.level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]),
        censor: '[redacted]',
      },
    },
    pino.multistream([...streams]),
  );
  return {
    log,
    close: () => new Promise((resolve) => file.end(() => resolve())),
  };
}
