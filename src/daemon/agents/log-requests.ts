import {
  LOG_BATCH_MS,
  type LogLines,
  type LogsWanted,
  MAX_LOG_LINES,
} from '../../contract/agent/protocol.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { HEARTBEAT_SECONDS, MISSED_HEARTBEATS } from '../../core/utils/node-life.js';

/** Of one node, at one time. */
export const MAX_READERS = 8;
/** New lines that a network held up arrive at once. One that holds them up for longer ends the connection. */
const MAX_HELD_UP_FRAMES = (HEARTBEAT_SECONDS * MISSED_HEARTBEATS * 1_000) / LOG_BATCH_MS;

/** Whoever reads a log of a node. Is told nothing more after `end`. */
export interface LogSink {
  lines(lines: readonly string[], dropped: number): void;
  end(error?: AppError): void;
}

export type LogRequest = Omit<LogsWanted, 'id'>;

/** The logs that are read over one agent's connection. */
export class LogRequests {
  readonly #send: (frame: { logs: LogsWanted } | { logsEnd: { id: string } }) => void;
  readonly #open = new Map<string, { readonly sink: LogSink; readonly owed: Owed }>();

  constructor(send: (frame: { logs: LogsWanted } | { logsEnd: { id: string } }) => void) {
    this.#send = send;
  }

  /** Asks for lines, until what it answers is called. @throws {AppError} LIMIT_REACHED. */
  open(id: string, request: LogRequest, sink: LogSink): () => void {
    if (this.#open.size >= MAX_READERS) {
      throw new AppError('LIMIT_REACHED', `${MAX_READERS} readers follow this node already.`);
    }
    this.#open.set(id, { sink, owed: new Owed(request) });
    this.#send({ logs: { id, ...request } });
    return () => {
      if (this.#open.delete(id)) this.#send({ logsEnd: { id } });
    };
  }

  /** Whether a frame for this reader is one of those that were asked for. Each is so once. */
  takeOwed(id: string): boolean {
    return this.#open.get(id)?.owed.take() ?? false;
  }

  /** Lines that nobody waits for any more are no fault of the agent's. */
  receive({ id, lines, dropped, end }: LogLines): void {
    const sink = this.#open.get(id)?.sink;
    if (!sink) return;
    if (lines.length > 0 || dropped > 0) sink.lines(lines, dropped);
    if (!end) return;
    this.#open.delete(id);
    sink.end();
  }

  /** The connection is over. */
  close(): void {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const { sink } of open) {
      sink.end(new AppError('NODE_OFFLINE', 'The connection to the node has ended.'));
    }
  }
}

/** The frames that one reader has asked for: the last lines and the end and, where it follows, more with time. */
class Owed {
  readonly #most: number;
  readonly #follows: boolean;
  #frames: number;
  #at = performance.now();

  constructor({ lines, follow }: LogRequest) {
    this.#follows = follow;
    this.#most = Math.ceil(lines / MAX_LOG_LINES) + 1 + (follow ? MAX_HELD_UP_FRAMES : 0);
    this.#frames = this.#most;
  }

  take(): boolean {
    const at = performance.now();
    if (this.#follows) {
      this.#frames = Math.min(this.#most, this.#frames + (at - this.#at) / LOG_BATCH_MS);
    }
    this.#at = at;
    if (this.#frames < 1) return false;
    this.#frames -= 1;
    return true;
  }
}
