import type { Logger } from 'pino';

import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';

import type { LogRequest, LogSink } from './log-requests.js';

import { LogLinesFrame, LogsWanted } from '../../contract/agent/protocol.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { isErrorCode } from '../../core/types/errors/codes.js';
import { silent } from './log-router.js';

const ALIVE_MS = 10_000;
const SILENCE_MS = 3 * ALIVE_MS;
const MAX_STREAMS = 256;
/** Postgres takes 8,000 bytes in one notification, so lines go one by one. More than these are counted instead. */
const MAX_WAITING = 2_000;

const exact = { additionalProperties: false };
const Id = Type.String({ maxLength: 64 });

/** What daemons of one grid tell each other of the logs that they read through each other. */
const Message = Type.Union([
  Type.Object({ open: Type.Object({ from: Id, sessionId: Id, wanted: LogsWanted }, exact) }, exact),
  /** Who reads is still there; is answered. */
  Type.Object({ alive: Type.Object({ id: Id, from: Id }, exact) }, exact),
  Type.Object({ close: Type.Object({ id: Id }, exact) }, exact),
  LogLinesFrame,
  Type.Object(
    { ended: Type.Object({ id: Id, code: Type.String(), message: Type.String() }, exact) },
    exact,
  ),
]);
type Message = Static<typeof Message>;
const messageCheck = Compile(Message);

interface Read {
  readonly sink: LogSink;
  readonly daemonId: string;
  heardAt: number;
}

interface Served {
  readonly from: string;
  stop: () => void;
  heardAt: number;
  /** Lines that could not be passed on since the last one that was. */
  missing: number;
}

export interface LogRelayDeps {
  readonly daemonId: string;
  readonly log: Logger;
  readonly send: (daemonId: string, text: string) => Promise<void>;
  /** Asks an agent that is connected here. @throws {AppError}. */
  readonly here: (sessionId: string, id: string, request: LogRequest, sink: LogSink) => () => void;
}

/** Reads logs of nodes that are connected to another daemon of the grid, and lets others read those that are connected here. */
export class LogRelay {
  readonly #deps: LogRelayDeps;
  readonly #read = new Map<string, Read>();
  readonly #served = new Map<string, Served>();
  readonly #timer: NodeJS.Timeout;
  #sending: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(deps: LogRelayDeps) {
    this.#deps = deps;
    this.#timer = setInterval(() => this.#look(), ALIVE_MS);
    this.#timer.unref();
  }

  /** Asks another daemon, until what it answers is called. */
  read(
    daemonId: string,
    sessionId: string,
    id: string,
    request: LogRequest,
    sink: LogSink,
  ): () => void {
    this.#read.set(id, { sink, daemonId, heardAt: performance.now() });
    const { daemonId: from } = this.#deps;
    this.#send(daemonId, { open: { from, sessionId, wanted: { id, ...request } } });
    return () => {
      if (!this.#forget(id)) return;
      this.#send(daemonId, { close: { id } });
    };
  }

  /** What another daemon has sent. */
  receive(text: string | undefined): void {
    const message = parsed(text);
    if (!message) return;
    if ('open' in message) return this.#serve(message.open);
    if ('close' in message) return this.#stop(message.close.id);
    if ('alive' in message) return this.#answer(message.alive);
    if ('logLines' in message) return this.#arrived(message.logLines);
    const { id, code, message: said } = message.ended;
    const sink = this.#forget(id);
    sink?.end(isErrorCode(code) ? new AppError(code, said) : undefined);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const id of this.#served.keys()) this.#stop(id);
  }

  #serve({ from, sessionId, wanted: { id, ...request } }: Opened): void {
    const served: Served = { from, stop: () => undefined, heardAt: performance.now(), missing: 0 };
    const sink: LogSink = {
      lines: (lines, dropped) => {
        served.missing += dropped;
        for (const line of lines) this.#pass(id, served, line);
      },
      end: (error) => {
        this.#served.delete(id);
        if (served.missing > 0) this.#tellMissing(id, served);
        this.#send(from, { ended: { id, code: error?.code ?? '', message: error?.message ?? '' } });
      },
    };
    try {
      if (this.#served.size >= MAX_STREAMS) {
        throw new AppError('LIMIT_REACHED', `${MAX_STREAMS} logs are read here already.`);
      }
      // It may end before this returns.
      this.#served.set(id, served);
      served.stop = this.#deps.here(sessionId, id, request, sink);
    } catch (error) {
      sink.end(error instanceof AppError ? error : new AppError('INTERNAL', 'It hit a bug.'));
    }
  }

  #pass(id: string, served: Served, line: string): void {
    if (this.#waiting >= MAX_WAITING) {
      served.missing += 1;
      return;
    }
    const dropped = served.missing;
    served.missing = 0;
    this.#send(served.from, { logLines: { id, lines: [line], dropped, end: false } }, () => {
      served.missing += dropped + 1;
    });
  }

  #tellMissing(id: string, served: Served): void {
    const dropped = served.missing;
    served.missing = 0;
    this.#send(served.from, { logLines: { id, lines: [], dropped, end: false } }, () => {
      served.missing += dropped;
    });
  }

  #arrived({ id, lines, dropped }: Static<typeof LogLinesFrame>['logLines']): void {
    const read = this.#read.get(id);
    if (!read) return;
    read.heardAt = performance.now();
    if (lines.length > 0 || dropped > 0) read.sink.lines(lines, dropped);
  }

  #answer({ id, from }: { id: string; from: string }): void {
    const served = this.#served.get(id);
    if (!served) {
      return this.#send(from, { ended: { id, code: 'NODE_OFFLINE', message: 'It has ended.' } });
    }
    served.heardAt = performance.now();
    // It is asked again.
    if (this.#waiting < MAX_WAITING) this.#tellMissing(id, served);
  }

  /** A daemon that was killed says no good-bye. */
  #look(): void {
    const since = performance.now() - SILENCE_MS;
    for (const [id, { heardAt }] of this.#served) if (heardAt < since) this.#stop(id);
    for (const [id, { heardAt, daemonId }] of this.#read) {
      if (heardAt < since) this.#forget(id)?.end(silent());
      else if (this.#waiting < MAX_WAITING)
        this.#send(daemonId, { alive: { id, from: this.#deps.daemonId } });
    }
  }

  #forget(id: string): LogSink | undefined {
    const read = this.#read.get(id);
    this.#read.delete(id);
    return read?.sink;
  }

  #stop(id: string): void {
    this.#served.get(id)?.stop();
    this.#served.delete(id);
  }

  /**
   * One after the other, so that lines arrive in their order. Lines and signs of life wait in bounded numbers, which is up to who calls; of
   * the rest there is one each for every reader.
   * @param onLost - it could not be sent.
   */
  #send(daemonId: string, message: Message, onLost: () => void = () => undefined): void {
    this.#waiting += 1;
    this.#sending = this.#sent(this.#sending, daemonId, JSON.stringify(message), onLost);
  }

  async #sent(
    before: Promise<void>,
    daemonId: string,
    text: string,
    onLost: () => void,
  ): Promise<void> {
    await before;
    try {
      await this.#deps.send(daemonId, text);
    } catch (error) {
      onLost();
      this.#deps.log.warn({ err: error }, 'another daemon could not be told');
    } finally {
      this.#waiting -= 1;
    }
  }
}

type Opened = Extract<Message, { open: unknown }>['open'];

function parsed(text: string | undefined): Message | undefined {
  try {
    const message: unknown = JSON.parse(text ?? '');
    return messageCheck.Check(message) ? message : undefined;
  } catch {
    return undefined;
  }
}
