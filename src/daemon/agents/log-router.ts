import { randomUUID } from 'node:crypto';

import type { LogRequest, LogSink } from './log-requests.js';

import { AppError } from '../../core/types/errors/app-error.js';

/** Lines that wait for a slow reader; older ones are dropped for newer ones, and counted. */
const MAX_WAITING = 2_000;
/** From the question to the first answer, and between two of a stream that is followed through another daemon. */
const SILENCE_MS = 30_000;

/** One line of a log, or how many are missing before the next. */
export type LogEntry = { readonly line: string } | { readonly dropped: number };

export interface LogRouterDeps {
  /** The connection that a node has now, and the daemon that holds it. @throws {AppError} NODE_NOT_FOUND, NODE_OFFLINE. */
  readonly session: (
    ref: string,
  ) => Promise<{ readonly nodeId: string; readonly sessionId: string; readonly daemonId: string }>;
  readonly daemonId: string;
  /** Asks an agent that is connected here. @throws {AppError} NODE_OFFLINE, LIMIT_REACHED. */
  readonly here: (sessionId: string, id: string, request: LogRequest, sink: LogSink) => () => void;
  /** Asks the daemon that an agent is connected to. */
  readonly elsewhere: (
    daemonId: string,
    sessionId: string,
    id: string,
    request: LogRequest,
    sink: LogSink,
  ) => () => void;
}

/** Reads logs of nodes, whichever daemon they are connected to. */
export class LogRouter {
  readonly #deps: LogRouterDeps;

  constructor(deps: LogRouterDeps) {
    this.#deps = deps;
  }

  /**
   * The last lines of a node's log, oldest first, and the new ones if they are followed, until the signal aborts.
   * @throws {AppError} NODE_NOT_FOUND, NODE_OFFLINE, LIMIT_REACHED; in the middle NODE_OFFLINE, TIMED_OUT.
   */
  async read(
    ref: string,
    request: LogRequest,
    signal: AbortSignal,
  ): Promise<AsyncIterable<LogEntry>> {
    const { session: find, daemonId, here, elsewhere } = this.#deps;
    const session = await find(ref);
    const id = randomUUID();
    const waiting = new Waiting();
    const stop =
      session.daemonId === daemonId
        ? here(session.sessionId, id, request, waiting)
        : elsewhere(session.daemonId, session.sessionId, id, request, waiting);
    return entriesOf(waiting, request, stop, signal);
  }
}

async function* entriesOf(
  waiting: Waiting,
  { lines, follow }: LogRequest,
  stop: () => void,
  signal: AbortSignal,
): AsyncGenerator<LogEntry> {
  // Whoever asks for new lines only may wait for the first of them as long as it takes.
  const isDue = lines > 0 || !follow;
  const patience = isDue ? setTimeout(() => waiting.end(silent()), SILENCE_MS) : undefined;
  const abort = () => waiting.end();
  signal.addEventListener('abort', abort, { once: true });
  try {
    for (;;) {
      const entries = await waiting.next();
      clearTimeout(patience);
      if (!entries) return;
      yield* entries;
    }
  } finally {
    clearTimeout(patience);
    signal.removeEventListener('abort', abort);
    stop();
  }
}

export function silent(): AppError {
  return new AppError('TIMED_OUT', 'The node has not answered in time.');
}

/** What has arrived and was not read yet. */
class Waiting implements LogSink {
  #lines: string[] = [];
  #dropped = 0;
  #ended: { readonly error: AppError | undefined } | undefined;
  #wake = Promise.withResolvers<void>();

  lines(lines: readonly string[], dropped: number): void {
    this.#lines.push(...lines);
    this.#dropped += dropped;
    const over = this.#lines.length - MAX_WAITING;
    if (over > 0) {
      this.#lines = this.#lines.slice(over);
      this.#dropped += over;
    }
    this.#wake.resolve();
  }

  end(error?: AppError): void {
    this.#ended ??= { error };
    this.#wake.resolve();
  }

  /** What has arrived since, or undefined at the end. @throws {AppError} what it ended with. */
  async next(): Promise<readonly LogEntry[] | undefined> {
    while (this.#lines.length === 0 && this.#dropped === 0) {
      if (this.#ended?.error) throw this.#ended.error;
      if (this.#ended) return undefined;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
    const entries = [
      ...(this.#dropped > 0 ? [{ dropped: this.#dropped }] : []),
      ...this.#lines.map((line) => ({ line })),
    ];
    this.#lines = [];
    this.#dropped = 0;
    return entries;
  }
}
