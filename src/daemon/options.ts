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
    flags: {
      ...(values['log-level'] === undefined ? {} : { 'log.level': values['log-level'] }),
      ...(values['public-url'] === undefined ? {} : { publicUrl: values['public-url'] }),
      ...(values.listen === undefined ? {} : { 'api.listen': values.listen }),
      ...(values.tls === undefined ? {} : { 'api.tls': values.tls }),
      ...(values['tls-cert'] === undefined ? {} : { 'api.tlsCert': values['tls-cert'] }),
      ...(values['tls-key'] === undefined ? {} : { 'api.tlsKey': values['tls-key'] }),
    },
  };
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
