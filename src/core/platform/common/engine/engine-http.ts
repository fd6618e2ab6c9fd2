import http from 'node:http';
import type { Duplex } from 'node:stream';

import { AppError } from '../../../types/errors/app-error.js';
import { errorCode } from '../../../types/errors/error-code.js';
import { afterMs, type Deadline } from '../../../utils/deadline.js';
import { textUpTo } from '../../../utils/text-up-to.js';
import { parsed } from './json.js';

/** Longer answers are no answers: a listing of some thousand containers has its place in it. */
const MAX_ANSWER_BYTES = 32 << 20;
const MAX_REFUSAL_BYTES = 64 << 10;
const CALL_TIMEOUT_MS = 30_000;
const MAX_CONNECTIONS = 16;
const IDLE_CONNECTION_MS = 15_000;

export interface EngineCall {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Until the whole answer is there; of a stream, until it begins, which may be with its first word: none, then, where that may be long in coming. */
  readonly timeoutMs?: number | 'none';
  readonly signal?: AbortSignal;
  /** The answer may be long in coming: over a connection of its own, so that it holds none of those that other calls share. */
  readonly alone?: boolean;
  /** Of another API than the one that is spoken, such as `/v4.0.0/libpod`. */
  readonly prefix?: string;
}

export interface EngineAnswer {
  readonly status: number;
  /** Undefined where the engine says nothing, or no JSON. */
  readonly body: unknown;
}

/**
 * HTTP over the engine's socket. Of `dockerode`, which others use here, four fifths are ssh, gRPC and protobuf that a socket needs nothing of:
 * 24 MiB of memory and a second of start for what `node:http` does.
 */
export class EngineHttp {
  readonly socketPath: string;
  readonly #agent = new http.Agent({
    keepAlive: true,
    maxSockets: MAX_CONNECTIONS,
    maxFreeSockets: 4,
    timeout: IDLE_CONNECTION_MS,
  });
  readonly #open = new Set<{ destroy(error?: Error): unknown }>();
  #prefix = '';
  #isClosed = false;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  /** All calls from now on are of that version of the API. */
  speak(version: string): void {
    this.#prefix = `/v${version}`;
  }

  /** @throws {AppError} ENGINE_UNREACHABLE, TIMED_OUT. */
  async call(method: string, path: string, call: EngineCall = {}): Promise<EngineAnswer> {
    const agent = call.alone === true ? false : this.#agent;
    const response = await this.#send(method, path, call, agent);
    const timer = deadline(response, call);
    try {
      const text = await textUpTo(response, MAX_ANSWER_BYTES);
      if (text === undefined) {
        throw new AppError('ENGINE_UNREACHABLE', 'The container engine answers without end.');
      }
      return { status: response.statusCode ?? 0, body: parsed(text) };
    } catch (error) {
      throw asUnreachable(error);
    } finally {
      timer.clear();
      response.destroy();
    }
  }

  /** An answer that comes bit by bit, over a connection of its own; whoever takes it reads or destroys it. A refusal is read already. */
  async stream(
    method: string,
    path: string,
    call: EngineCall = {},
  ): Promise<{ readonly stream: http.IncomingMessage } | { readonly refusal: EngineAnswer }> {
    const stream = await this.#send(method, path, call, false);
    if (!this.#keep(stream)) throw letGo();
    const status = stream.statusCode ?? 0;
    if (status < 400) return { stream };
    const text = await textUpTo(stream, MAX_REFUSAL_BYTES).catch(() => undefined);
    stream.destroy();
    return { refusal: { status, body: parsed(text ?? '') } };
  }

  /** Makes a pipe of the connection, both ways (`Upgrade: tcp`). @throws {AppError} ENGINE_UNREACHABLE, TIMED_OUT. */
  async hijack(
    path: string,
    body: unknown,
  ): Promise<{ readonly socket: Duplex } | { readonly refusal: EngineAnswer }> {
    if (this.#isClosed) throw letGo();
    const { promise, resolve, reject } = Promise.withResolvers<
      { readonly socket: Duplex } | { readonly refusal: EngineAnswer }
    >();
    const request = this.#request('POST', path, {
      body,
      headers: { connection: 'Upgrade', upgrade: 'tcp' },
    });
    request.setTimeout(CALL_TIMEOUT_MS, () => request.destroy(timedOut(CALL_TIMEOUT_MS)));
    request.once('error', (error) => reject(asUnreachable(error)));
    request.once('upgrade', (_response, socket, head) => {
      socket.setTimeout(0);
      if (head.length > 0) socket.unshift(head);
      if (this.#keep(socket)) resolve({ socket });
      else reject(letGo());
    });
    request.once('response', (response) => {
      const status = response.statusCode ?? 0;
      textUpTo(response, MAX_REFUSAL_BYTES).then(
        (text) => resolve({ refusal: { status, body: parsed(text ?? '') } }),
        (error: unknown) => reject(asUnreachable(error)),
      );
    });
    request.end(JSON.stringify(body));
    return promise;
  }

  close(): void {
    this.#isClosed = true;
    this.#agent.destroy();
    for (const stream of this.#open) stream.destroy();
    this.#open.clear();
  }

  /** So that it ends with this. Answers false where this has ended while it was on its way. */
  #keep(stream: {
    destroy(error?: Error): unknown;
    once(event: 'close', act: () => void): unknown;
  }): boolean {
    if (this.#isClosed) {
      stream.destroy();
      return false;
    }
    this.#open.add(stream);
    stream.once('close', () => this.#open.delete(stream));
    return true;
  }

  #request(method: string, path: string, call: EngineCall, agent: http.Agent | false = false) {
    const query = call.query ? `?${new URLSearchParams(call.query).toString()}` : '';
    return http.request({
      socketPath: this.socketPath,
      path: `${call.prefix ?? this.#prefix}${path}${query}`,
      method,
      agent,
      headers: {
        host: 'engine',
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...call.headers,
      },
      ...(call.signal ? { signal: call.signal } : {}),
    });
  }

  /** Once more where a connection that was kept open turns out to have been closed by the engine. A call that is repeated may have been carried out: an exec that was made twice is started once. */
  async #send(
    method: string,
    path: string,
    call: EngineCall,
    agent: http.Agent | false,
    isAgain = false,
  ): Promise<http.IncomingMessage> {
    if (this.#isClosed) throw letGo();
    const request = this.#request(method, path, call, agent);
    // The agent ends its own.
    if (agent === false) this.#keep(request);
    const timer = deadline(request, call);
    try {
      return await new Promise<http.IncomingMessage>((resolve, reject) => {
        request.once('response', resolve);
        request.once('error', reject);
        request.end(call.body === undefined ? undefined : JSON.stringify(call.body));
      });
    } catch (error) {
      call.signal?.throwIfAborted();
      if (request.reusedSocket && !isAgain && errorCode(error) !== 'TIMED_OUT') {
        return await this.#send(method, path, call, agent, true);
      }
      throw asUnreachable(error);
    } finally {
      timer.clear();
    }
  }
}

/** What a connection fails with, as the port has it. */
export function asUnreachable(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const reason = errorCode(error) ?? (error instanceof Error ? error.message : String(error));
  return new AppError('ENGINE_UNREACHABLE', `The container engine does not answer: ${reason}.`);
}

function letGo(): AppError {
  return new AppError('ENGINE_UNREACHABLE', 'The connection was let go of.');
}

function deadline(stream: { destroy(error: Error): unknown }, { timeoutMs }: EngineCall): Deadline {
  const ms = timeoutMs === 'none' ? undefined : (timeoutMs ?? CALL_TIMEOUT_MS);
  return afterMs(ms, () => stream.destroy(timedOut(ms ?? 0)));
}

function timedOut(timeoutMs: number): AppError {
  return new AppError('TIMED_OUT', `The container engine did not answer in ${timeoutMs} ms.`);
}
