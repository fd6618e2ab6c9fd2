import type { LogLines, LogsWanted } from '../../contract/agent/protocol.js';

import { AppError } from '../../core/types/errors/app-error.js';

const MAX_READERS = 8;

/** Whoever reads a log of a node. Is told nothing more after `end`. */
export interface LogSink {
  lines(lines: readonly string[], dropped: number): void;
  end(error?: AppError): void;
}

export type LogRequest = Omit<LogsWanted, 'id'>;

/** The logs that are read over one agent's connection. */
export class LogRequests {
  readonly #send: (frame: { logs: LogsWanted } | { logsEnd: { id: string } }) => void;
  readonly #sinks = new Map<string, LogSink>();

  constructor(send: (frame: { logs: LogsWanted } | { logsEnd: { id: string } }) => void) {
    this.#send = send;
  }

  /** Asks for lines, until what it answers is called. @throws {AppError} LIMIT_REACHED. */
  open(id: string, request: LogRequest, sink: LogSink): () => void {
    if (this.#sinks.size >= MAX_READERS) {
      throw new AppError('LIMIT_REACHED', `${MAX_READERS} readers follow this node already.`);
    }
    this.#sinks.set(id, sink);
    this.#send({ logs: { id, ...request } });
    return () => {
      if (this.#sinks.delete(id)) this.#send({ logsEnd: { id } });
    };
  }

  /** Lines that nobody waits for any more are no fault of the agent's. */
  receive({ id, lines, dropped, end }: LogLines): void {
    const sink = this.#sinks.get(id);
    if (!sink) return;
    if (lines.length > 0 || dropped > 0) sink.lines(lines, dropped);
    if (!end) return;
    this.#sinks.delete(id);
    sink.end();
  }

  /** The connection is over. */
  close(): void {
    const sinks = [...this.#sinks.values()];
    this.#sinks.clear();
    for (const sink of sinks) {
      sink.end(new AppError('NODE_OFFLINE', 'The connection to the node has ended.'));
    }
  }
}
