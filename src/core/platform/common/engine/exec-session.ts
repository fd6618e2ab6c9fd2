import type { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';

import type {
  ExecRequest,
  ExecSession,
  TerminalSize,
} from '../../../services/container/runtime.ports.js';
import type { Dialect } from './dialect.js';
import type { EngineHttp } from './engine-http.js';

import { AppError } from '../../../types/errors/app-error.js';
import { asUnreachable } from './engine-http.js';
import { endExec, type ExecProcess, execProcess } from './exec-processes.js';
import { FrameSplitter } from './frames.js';
import { numberOf, objectOf, textOf } from './json.js';
import { engineFailure, messageOf, notFound, startExitCode } from './refusals.js';

const FIRST_LOOK_MS = 2;
const LAST_LOOK_MS = 50;
/** For the command to be there, or not. */
const START_TIMEOUT_MS = 30_000;
/** After its output has ended, for the engine to have noticed that. */
const EXIT_TIMEOUT_MS = 10_000;
const MAX_COMPLAINT_BYTES = 4 << 10;

interface Piece {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Buffer;
}

interface ExecState {
  readonly isRunning: boolean;
  readonly pid: number;
  readonly exitCode: number | undefined;
}

/** As `ContainerRuntime.exec`. Answers when the command runs, or has run. */
export async function startExec(
  http: EngineHttp,
  dialect: Dialect,
  container: string,
  request: ExecRequest,
): Promise<ExecSession> {
  const id = await makeExec(http, dialect, container, request);
  const begun = await http.hijack(`/exec/${id}/start`, { Detach: false, Tty: request.tty });
  if ('refusal' in begun) {
    const { refusal } = begun;
    const message = messageOf(refusal);
    if (refusal.status === 404) throw notFound(message);
    if (dialect.isNotRunning(refusal.status, message)) throw notRunning();
    throw new AppError('CONTAINER_START_FAILED', message, { exitCode: startExitCode(message) });
  }
  const session = new EngineExec(http, id, begun.socket, request.tty);
  try {
    await session.begin(dialect);
    if (request.size && request.tty) await session.resize(request.size);
  } catch (error) {
    session.close();
    throw error;
  }
  return session;
}

async function makeExec(
  http: EngineHttp,
  dialect: Dialect,
  container: string,
  request: ExecRequest,
): Promise<string> {
  const answer = await http.call('POST', `/containers/${container}/exec`, {
    body: {
      Cmd: request.command,
      Env: Object.entries(request.env).map(([name, value]) => `${name}=${value}`),
      ...(request.user === undefined ? {} : { User: request.user }),
      ...(request.workingDir === undefined ? {} : { WorkingDir: request.workingDir }),
      Tty: request.tty,
      AttachStdin: request.stdin,
      AttachStdout: true,
      AttachStderr: true,
    },
  });
  const message = messageOf(answer);
  if (answer.status === 404) throw notFound(message);
  if (dialect.isNotRunning(answer.status, message)) throw notRunning();
  const id = textOf(objectOf(answer.body)['Id']);
  if (answer.status !== 201 || id === undefined) throw engineFailure(answer);
  return id;
}

class EngineExec implements ExecSession {
  readonly output: AsyncIterable<Piece>;
  readonly #http: EngineHttp;
  readonly #id: string;
  readonly #socket: Duplex;
  readonly #pieces: AsyncGenerator<Piece>;
  #first: Promise<IteratorResult<Piece>> | undefined;
  #process: ExecProcess | undefined;
  #hasEnded = false;
  #isClosed = false;

  constructor(http: EngineHttp, id: string, socket: Duplex, tty: boolean) {
    this.#http = http;
    this.#id = id;
    this.#socket = socket;
    // An error of the connection reaches whoever reads or writes; here, that it has a listener.
    socket.on('error', () => undefined);
    this.#pieces = pieces(socket, tty);
    this.output = this.#output();
  }

  /** @throws {AppError} CONTAINER_START_FAILED. */
  async begin(dialect: Dialect): Promise<void> {
    this.#first = this.#pieces.next();
    const first = this.#first;
    let said: IteratorResult<Piece> | undefined;
    void first.then(
      (piece) => (said = piece),
      () => undefined,
    );
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 2, LAST_LOOK_MS)) {
      await Promise.race([first, pause(waitMs)]);
      if (said) break;
      const { isRunning, pid } = await this.#state();
      if (isRunning && pid > 0) {
        this.#process = await execProcess(pid);
        return;
      }
      if (Date.now() > deadline) throw new AppError('TIMED_OUT', 'The command did not start.');
    }
    if (said.done === true) return;
    const text = said.value.bytes.toString('utf8', 0, MAX_COMPLAINT_BYTES);
    if (!dialect.cannotRun.test(text)) return;
    const exitCode = await this.#exitCode(deadline);
    if (exitCode !== 126 && exitCode !== 127) return;
    throw new AppError('CONTAINER_START_FAILED', text.replaceAll(/\p{C}/gu, ' ').trim(), {
      exitCode: exitCode === 127 ? exitCode : startExitCode(text),
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#socket.writableEnded || this.#socket.destroyed) return;
    if (this.#socket.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#socket.off('drain', done).off('close', done);
        resolve();
      };
      this.#socket.on('drain', done).on('close', done);
    });
  }

  end(): void {
    if (!this.#socket.destroyed) this.#socket.end();
  }

  async resize({ columns, rows }: TerminalSize): Promise<void> {
    const query = { w: String(columns), h: String(rows) };
    const answer = await this.#http.call('POST', `/exec/${this.#id}/resize`, { query });
    // One that has just ended has no terminal any more.
    if (answer.status >= 500 && (await this.#state()).isRunning) throw engineFailure(answer);
  }

  exitCode(): Promise<number> {
    return this.#exitCode(Date.now() + EXIT_TIMEOUT_MS);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.destroy();
    this.#kill().catch(() => undefined);
  }

  async *#output(): AsyncGenerator<Piece> {
    try {
      for (;;) {
        const piece = await (this.#first ?? this.#pieces.next());
        this.#first = undefined;
        if (piece.done === true) {
          this.#hasEnded = true;
          return;
        }
        yield piece.value;
      }
    } catch (error) {
      if (!this.#isClosed) throw asUnreachable(error);
    }
  }

  async #exitCode(deadline: number): Promise<number> {
    for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 2, LAST_LOOK_MS)) {
      const { isRunning, exitCode } = await this.#state();
      if (!isRunning && exitCode !== undefined) return exitCode;
      if (Date.now() > deadline) throw new AppError('TIMED_OUT', 'The command has not ended.');
      await pause(waitMs);
    }
  }

  async #state(): Promise<ExecState> {
    const answer = await this.#http.call('GET', `/exec/${this.#id}/json`);
    if (answer.status === 404) throw notFound(messageOf(answer));
    if (answer.status !== 200) throw engineFailure(answer);
    const body = objectOf(answer.body);
    return {
      isRunning: body['Running'] === true,
      pid: numberOf(body['Pid']) ?? 0,
      exitCode: numberOf(body['ExitCode']),
    };
  }

  /**
   * No engine ends a command whose caller is gone. Where the engine is on this machine, we can, with all that it has started. One that has ended by itself
   * leaves running what it likes.
   */
  async #kill(): Promise<void> {
    if (this.#hasEnded) return;
    const { isRunning, pid } = await this.#state();
    const command = isRunning && pid > 1 ? await execProcess(pid) : this.#process;
    if (command) await endExec(command);
  }
}

/** Bytes as they come, and no more of them than are asked for. */
async function* pieces(socket: Duplex, tty: boolean): AsyncGenerator<Piece> {
  const splitter = new FrameSplitter();
  for await (const chunk of socket) {
    const bytes: Buffer = chunk;
    if (tty) yield { stream: 'stdout', bytes };
    else yield* splitter.push(bytes);
  }
}

/** Engines say it of a number that nobody knows. */
function notRunning(): AppError {
  return new AppError('CONTAINER_NOT_RUNNING', 'It does not run at this time.');
}
