import type { SyntropyClient } from '../client/client.js';
import type { OperationInput } from '../contract/registry.js';

import { AppError } from '../core/types/errors/app-error.js';
import { ExecInput } from './exec-input.js';
import { followSize, followStdin, rawTerminal, terminalSize } from './exec-terminal.js';
import { DOCUMENT_VERSION } from './machine-command.js';
import { namingIdle } from './not-running.js';
import { written } from './written.js';

type ExecRequest = OperationInput<'containers.exec'>;

/** What `docker exec` says by its status: it failed itself, or the command cannot be run, or is not there. */
const OWN_FAILURE = 125;
const CANNOT_RUN = 126;
const NOT_FOUND = 127;

/**
 * Runs a command in a container, with the input and the outputs of this one, and answers its exit status.
 * @throws {AppError} USAGE_INVALID for a terminal where there is none; as `containers.exec`.
 */
export async function runInContainer(
  client: SyntropyClient,
  request: ExecRequest,
  json: boolean,
): Promise<number> {
  if (request.tty && request.stdin && !process.stdin.isTTY) {
    throw new AppError('USAGE_INVALID', 'Standard input is no terminal: leave out -t.', {
      flag: '--tty',
    });
  }
  const size = request.tty ? terminalSize() : undefined;
  const undo: (() => void)[] = [];
  const stop = new AbortController();
  let broken: { readonly error: unknown } | undefined;
  const begin = (session: string) => {
    const input = new ExecInput(client, session, {
      pause: () => process.stdin.pause(),
      resume: () => (request.stdin ? process.stdin.resume() : undefined),
      fail: (error) => {
        broken = { error };
        stop.abort();
      },
    });
    undo.push(() => input.stop());
    if (request.tty) undo.push(followSize(input));
    if (request.tty && request.stdin) undo.push(rawTerminal());
    if (request.stdin) undo.push(followStdin(input));
  };
  try {
    const asked = { ...request, ...(size && { size }) };
    const items = client.stream('containers.exec', asked, { signal: stop.signal });
    for await (const item of namingIdle(items, request)) {
      if ('session' in item) begin(item.session);
      else if ('exitCode' in item) return item.exitCode;
      else await show(item, json);
    }
  } finally {
    for (const step of undo.toReversed()) step();
    stop.abort();
  }
  throw broken?.error ?? lost();
}

async function show(
  { stream, base64 }: { readonly stream: 'stdout' | 'stderr'; readonly base64: string },
  json: boolean,
): Promise<void> {
  if (!json) return written(process[stream], Buffer.from(base64, 'base64'));
  const line = JSON.stringify({ schemaVersion: DOCUMENT_VERSION, stream, base64 });
  return written(process.stdout, `${line}\n`);
}

function lost(): AppError {
  return new AppError(
    'DAEMON_UNREACHABLE',
    'The connection ended before the command did; whether it still runs is not known.',
  );
}

/** The status with which a failure of `container exec` itself ends. */
export function execStatusOf(error: unknown): number {
  if (!(error instanceof AppError) || error.code !== 'CONTAINER_START_FAILED') return OWN_FAILURE;
  return error.details['exitCode'] === NOT_FOUND ? NOT_FOUND : CANNOT_RUN;
}
