import type { SyntropyClient } from '../client/client.js';
import type { OperationRecord, Progress } from '../contract/schemas/operation.js';

import { AppError } from '../core/types/errors/app-error.js';
import { isErrorCode } from '../core/types/errors/codes.js';
import { afterMs } from '../core/utils/deadline.js';
import { isExpired } from './changes.js';
import { parseDuration } from './duration.js';
import { overOutages } from './over-outages.js';
import { type ProgressTeller, progressTeller } from './progress.js';

export interface FollowOptions {
  readonly progress: ProgressTeller;
  readonly timeoutMs?: number | undefined;
}

/**
 * Waits until an operation has ended and answers its last state, however it ended. Follows the events and resumes after a broken
 * connection, so that no progress is polled for.
 * @throws {AppError} TIMED_OUT (the operation goes on), DAEMON_UNREACHABLE when the daemon is lost.
 */
export async function followOperation(
  client: SyntropyClient,
  operationId: string,
  options: FollowOptions,
): Promise<OperationRecord> {
  const stop = new AbortController();
  const patience = afterMs(options.timeoutMs, () => stop.abort());
  try {
    return await follow(
      client,
      operationId,
      (progress) => options.progress.tell(progress),
      stop.signal,
    );
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    throw new AppError('TIMED_OUT', `Operation ${operationId} has not ended yet; it goes on.`, {
      operation: operationId,
    });
  } finally {
    options.progress.end();
    patience.clear();
    stop.abort();
  }
}

async function follow(
  client: SyntropyClient,
  operationId: string,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<OperationRecord> {
  let { cursor } = await client.call('events.list', {}, { signal });
  return overOutages(
    async (answered) => {
      for (;;) {
        const record = await client.call('operations.get', { operation: operationId }, { signal });
        if (record.endedAt !== undefined) return record;
        answered();
        try {
          const filter = { after: cursor, object: operationId };
          for await (const event of client.stream('events.follow', filter, { signal })) {
            ({ cursor } = event);
            if (event.type === 'operation.ended') break;
            if (event.type === 'operation.progressed') {
              // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the daemon puts a Progress there
              onProgress(event.payload['progress'] as Progress);
            }
          }
        } catch (error) {
          if (!isExpired(error)) throw error;
          // Far behind: what happened in between is in the record that is read next.
          ({ cursor } = await client.call('events.list', {}, { signal }));
        }
        signal.throwIfAborted();
      }
    },
    signal,
    true,
  );
}

/** How a command waits: by its --progress and --timeout. */
export function waitOptions(
  flags: { readonly progress: string; readonly timeout?: string | undefined },
  json: boolean,
): FollowOptions {
  return {
    progress: progressTeller(flags.progress, json),
    timeoutMs: flags.timeout === undefined ? undefined : parseDuration(flags.timeout, 'timeout'),
  };
}

/** @throws {AppError} with the code of the operation's own failure, unless it succeeded. */
export function requireSuccess(record: OperationRecord): OperationRecord {
  if (record.status === 'succeeded') return record;
  const { error } = record;
  const code = error && isErrorCode(error.code) ? error.code : 'OPERATION_FAILED';
  const message = error?.message ?? `Operation ${record.id} ${record.status}.`;
  throw new AppError(code, `${message}${leftBehind(record)}`, {
    ...error?.details,
    operation: record.id,
    ...(record.node === undefined ? {} : { node: record.node.id }),
  });
}

/** What a person should know of the stick or file that a failed write has left behind. */
const LEFT_BEHIND: Readonly<Record<string, string>> = {
  untouched: ' Nothing was written.',
  unusable: ' What was being written is unusable until it is written again.',
  removed: ' The unfinished file was removed.',
};
/** The daemon's messages for these say it themselves. */
const SAYS_ITSELF: readonly string[] = ['OPERATION_CANCELLED', 'OPERATION_INTERRUPTED'];

function leftBehind({ error }: OperationRecord): string {
  if (!error || SAYS_ITSELF.includes(error.code)) return '';
  return LEFT_BEHIND[String(error.details['targetState'])] ?? '';
}

/**
 * Waits for a write, and says what it means for the stick when the daemon is lost on the way: a writer dies with its daemon.
 * @throws {AppError} as `work`.
 */
export async function orLostStick<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    const lost = error instanceof AppError && error.code === 'DAEMON_UNREACHABLE';
    throw lost
      ? new AppError(
          'DAEMON_UNREACHABLE',
          'The daemon was lost during the write. What was being written is unusable until it is written again.',
          error.details,
        )
      : error;
  });
}
