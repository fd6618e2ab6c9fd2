import type { SyntropyClient } from '../client/client.js';
import type { OperationInput, OperationOutput } from '../contract/registry.js';

import { AppError } from '../core/types/errors/app-error.js';
import { slept } from '../core/utils/slept.js';
import { LogPositions } from './log-positions.js';
import { incomplete } from './stream-end.js';

type LogItem = OperationOutput<'containers.logs'>;
type Asked = OperationInput<'containers.logs'>;

/** What is away for longer is lost; a daemon that starts anew, and agents that come back to it, take less. */
const LOST_AFTER_MS = 60_000;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5_000;
/** What has been read for so long was well: what happens then is another outage. */
const WELL_AFTER_MS = 10_000;
/** Pass by themselves. */
const PASSING: readonly string[] = ['DAEMON_UNREACHABLE', 'DATABASE_UNAVAILABLE', 'RATE_LIMITED'];
/** Pass where the log was being read: a node is on its way back to its daemon, or its agent to its engine. */
const PASSING_BACK: readonly string[] = [
  'NODE_OFFLINE',
  'CONTAINER_NOT_RUNNING',
  'ENGINE_UNREACHABLE',
  'LIMIT_REACHED',
  'TIMED_OUT',
];

/** How it has gone since it was last well. */
interface Outage {
  since: number | undefined;
  retryMs: number;
  /** Replicas that were said to be missing. */
  readonly told: Set<string>;
}

/**
 * The log of a container, and what comes to it. A stream that breaks, or that the daemon ends, is asked for again, and so is one in which a replica is
 * missing: each goes on after the last line that came, so that none is missing and none comes twice, as far as lines can be told by their times.
 * @param replicas - how many there are to read.
 * @throws {AppError} as `containers.logs`; DAEMON_UNREACHABLE when nobody has answered for a minute.
 */
export async function* followLogs(
  client: SyntropyClient,
  asked: Asked,
  replicas: number,
): AsyncGenerator<LogItem> {
  const positions = new LogPositions(asked, replicas);
  const outage: Outage = { since: undefined, retryMs: FIRST_RETRY_MS, told: new Set() };
  let wasRead = false;
  for (;;) {
    const reading = new Reading(client, positions, outage);
    let failure: unknown;
    try {
      yield* reading.items();
      if (reading.end === 'complete') return;
      failure = incomplete('What it wrote', reading.end);
    } catch (error) {
      failure = error;
    }
    wasRead ||= reading.hasLines || reading.isWell;
    if (reading.isWell) renew(outage);
    if (!reading.isAgain) {
      if (!passes(failure, wasRead)) throw failure;
      outage.since ??= Date.now();
      if (Date.now() - outage.since > LOST_AFTER_MS) throw failure;
      await slept(Math.max(outage.retryMs, toldWaitMs(failure)), new AbortController().signal);
    }
    outage.retryMs = Math.min(outage.retryMs * 2, LAST_RETRY_MS);
  }
}

/** One stream of a log that is followed. */
class Reading {
  readonly #client: SyntropyClient;
  readonly #positions: LogPositions;
  readonly #outage: Outage;
  readonly #again = new AbortController();
  readonly #begunAt = Date.now();
  hasLines = false;
  /** Why the daemon has ended it. */
  end = 'broken';

  constructor(client: SyntropyClient, positions: LogPositions, outage: Outage) {
    this.#client = client;
    this.#positions = positions;
    this.#outage = outage;
  }

  /** It was left, to look for a replica that was missing. */
  get isAgain(): boolean {
    return this.#again.signal.aborted;
  }

  get isWell(): boolean {
    return Date.now() - this.#begunAt >= WELL_AFTER_MS;
  }

  async *items(): AsyncGenerator<LogItem> {
    const isNew = this.#positions.reading();
    const options = {
      signal: this.#again.signal,
      onEnd: ({ reason }: { readonly reason: string }) => void (this.end = reason),
    };
    const items = this.#client.stream('containers.logs', this.#positions.next(), options);
    const timer = new AbortController();
    try {
      for await (const item of items) {
        if ('missing' in item) {
          this.#lookAgain(timer.signal);
          if (!this.#isTold(item)) yield item;
          continue;
        }
        this.hasLines = true;
        const lines = item.lines.filter((line) => isNew(item, line));
        if (lines.length > 0) yield { ...item, lines };
      }
    } finally {
      timer.abort();
    }
  }

  #isTold({ replica, node }: LogItem): boolean {
    const key = `${replica} ${node}`;
    if (this.#outage.told.has(key)) return true;
    this.#outage.told.add(key);
    return false;
  }

  /** The others are read meanwhile. One that is away for too long is waited for no more. */
  #lookAgain(signal: AbortSignal): void {
    if (this.isWell) renew(this.#outage);
    this.#outage.since ??= Date.now();
    if (Date.now() - this.#outage.since > LOST_AFTER_MS) return;
    void slept(this.#outage.retryMs, signal).then((isTime) => isTime && this.#again.abort());
  }
}

function renew(outage: Outage): void {
  outage.since = undefined;
  outage.retryMs = FIRST_RETRY_MS;
  outage.told.clear();
}

function passes(failure: unknown, wasRead: boolean): boolean {
  if (!(failure instanceof AppError)) return false;
  return PASSING.includes(failure.code) || (wasRead && PASSING_BACK.includes(failure.code));
}

function toldWaitMs(failure: unknown): number {
  const seconds = failure instanceof AppError ? failure.details['retryAfterSeconds'] : undefined;
  return typeof seconds === 'number' ? seconds * 1_000 : 0;
}
