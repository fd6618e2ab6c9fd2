import type { Transport } from '../client/client.js';

import { type Context, chosenContext, LOCAL_CONTEXT } from '../client/node/contexts.js';
import { localSocket } from '../client/node/local-socket.js';
import { resolveClientDir, resolveStatePaths } from '../core/config/state-paths.js';
import { AppError } from '../core/types/errors/app-error.js';

export interface TargetFlags {
  readonly 'state-dir'?: string | undefined;
  readonly context?: string | undefined;
  readonly as?: string | undefined;
}

/** The daemon that a command speaks to. */
export interface Target {
  readonly name: string;
  /** Absent: the one of this machine, through its socket. */
  readonly context?: Context;
  /** Where contexts and sessions lie. */
  readonly directory: string;
  readonly transport: Transport;
}

/**
 * Which daemon the flags, the environment and the current context mean.
 * @throws {AppError} CONTEXT_NOT_FOUND, CONFIG_INVALID, USAGE_INVALID.
 */
export function targetOf(flags: TargetFlags, note: (line: string) => void): Target {
  const stateDir = flags['state-dir'] || undefined;
  const directory = resolveClientDir(stateDir);
  const context = chosenContext(directory, flags.context, process.env);
  if (!context) {
    const { socketPath } = resolveStatePaths(stateDir);
    const as = flags.as === undefined ? {} : { as: flags.as };
    return { name: LOCAL_CONTEXT, directory, transport: localSocket(socketPath, as) };
  }
  if (flags.as !== undefined) {
    throw new AppError(
      'USAGE_INVALID',
      `--as is for the local socket only; over context "${context.name}", sign in as that member.`,
      { flag: '--as', context: context.name },
    );
  }
  const token = process.env['SYNTROPY_TOKEN'];
  // Loaded with the first request: the path of a command over the socket stays as short as it was.
  const transport = lazily(async () => {
    const { connectRemote } = await import('../client/node/connect.js');
    return connectRemote({ directory, context: context.name, target: context, token, note });
  });
  return { name: context.name, context, directory, transport };
}

function lazily(load: () => Promise<Transport>): Transport {
  let loaded: Promise<Transport> | undefined;
  return async (request) => (await (loaded ??= load()))(request);
}

/**
 * For what is done to this machine: refuses to be done here where another was meant.
 * @throws {AppError} CAPABILITY_MISSING.
 */
export function requireLocal({ name, context }: Pick<Target, 'name' | 'context'>): void {
  if (!context) return;
  throw new AppError(
    'CAPABILITY_MISSING',
    `This works on the daemon's own host only, and the context is "${name}". For this machine, add --context ${LOCAL_CONTEXT}.`,
    { context: name, url: context.url },
  );
}

/** Failures that are to be told otherwise where the daemon is not the one at hand. */
const ABOUT_A_PLACE: readonly string[] = ['CAPABILITY_MISSING', 'DAEMON_UNREACHABLE'];

/** Says which daemon it was that could not do something or did not answer, when it is one elsewhere. */
export function withPlace(error: Error, target: Target | undefined): Error {
  if (!target?.context || !(error instanceof AppError) || !ABOUT_A_PLACE.includes(error.code)) {
    return error;
  }
  return new AppError(
    error.code,
    error.message,
    { ...error.details, context: target.name, url: target.context.url },
    { cause: error },
  );
}
