import { parseArgs } from 'node:util';

import { AppError } from '../core/types/errors/app-error.js';

/** What the daemon process is told by whoever starts it. */
export interface DaemonOptions {
  readonly mode: 'serve' | 'restore';
  /** File to restore. */
  readonly file?: string;
  readonly yes: boolean;
  readonly stateDir?: string;
  /** Values that win over environment and file, by configuration key. */
  readonly flags: Readonly<Record<string, string>>;
  readonly foreground: boolean;
  /** Group that may open the socket; the system daemon's `syntropy`. Without it, only this user may. */
  readonly socketGroup?: string;
}

/** @throws {AppError} USAGE_INVALID. */
export function parseDaemonOptions(argv: readonly string[]): DaemonOptions {
  const { values, positionals } = parsed(argv);
  const [mode, file, ...rest] = positionals;
  if (mode !== undefined && (mode !== 'restore' || file === undefined || rest.length > 0)) {
    throw new AppError('USAGE_INVALID', `The daemon does not know "${positionals.join(' ')}".`);
  }
  return {
    mode: mode === 'restore' ? 'restore' : 'serve',
    yes: values.yes,
    foreground: values.foreground,
    ...(file === undefined ? {} : { file }),
    ...(values['state-dir'] === undefined ? {} : { stateDir: values['state-dir'] }),
    ...(values['socket-group'] === undefined ? {} : { socketGroup: values['socket-group'] }),
    flags: settingsOf(values),
  };
}

/** The setting that each option stands for. */
const SETTINGS = {
  'log-level': 'log.level',
  'public-url': 'publicUrl',
  listen: 'api.listen',
  tls: 'api.tls',
  'tls-cert': 'api.tlsCert',
  'tls-key': 'api.tlsKey',
} as const;

function settingsOf(values: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(SETTINGS).flatMap(([option, key]) => {
      const value = values[option];
      return typeof value === 'string' ? [[key, value]] : [];
    }),
  );
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        'state-dir': { type: 'string' },
        'log-level': { type: 'string' },
        'public-url': { type: 'string' },
        listen: { type: 'string' },
        tls: { type: 'string' },
        'tls-cert': { type: 'string' },
        'tls-key': { type: 'string' },
        'socket-group': { type: 'string' },
        foreground: { type: 'boolean', default: false },
        yes: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new AppError(
      'USAGE_INVALID',
      error instanceof Error ? error.message : 'The arguments cannot be read.',
    );
  }
}
