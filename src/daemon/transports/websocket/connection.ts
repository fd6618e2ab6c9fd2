import type { RawData, WebSocket } from 'ws';
import type { Logger } from 'pino';

import { randomUUID } from 'node:crypto';

import type { CallContext, Dispatch } from '../../dispatch.js';
import type { Subject } from '../../subject.js';
import type { ClientFrame } from './frames.js';

import { API_VERSION, registry } from '../../../contract/registry.js';
import { messageText } from '../../../core/platform/common/message-text.js';
import { AppError } from '../../../core/types/errors/app-error.js';
import { atTime } from '../../../core/utils/deadline.js';
import { isOperationId } from '../../dispatch.js';
import { toProblem } from '../rest/problem.js';
import { HEARTBEAT_MS, HIGH_WATER_BYTES, STALL_TIMEOUT_MS, type StreamEnd } from '../stream-end.js';
import { cursorOf, wireText } from '../wire-text.js';
import { parseFrame } from './frames.js';

const AUTH_TIMEOUT_MS = 10_000;
const MAX_CALLS = 32;
const MAX_SUBSCRIPTIONS = 16;
/** How long a client may take to answer the closing when the daemon stops. */
const STOP_GRACE_MS = 3_000;
/** Frames that are none; whoever sends more is no client of ours. */
const MAX_BAD_FRAMES = 10;

/** Codes of ours are those that RFC 6455 §7.4.2 leaves to programs. */
const CLOSE = {
  policy: 1008,
  stopping: 1012,
  unauthenticated: 4401,
  slowReader: 4408,
} as const;

export interface ConnectionDeps {
  readonly dispatch: Dispatch;
  readonly source: string;
  readonly log: Logger;
  /** Who the client is by now: asked again for each call, so that what was revoked ends here too. Undefined: nothing was shown yet. */
  readonly identify: (token: string | undefined) => Subject | Promise<Subject>;
}

/** What a frame says beside what it asks for. */
interface Told {
  readonly idempotencyKey?: string;
  readonly traceparent?: string;
}

interface Running {
  readonly abort: AbortController;
  readonly isSubscription: boolean;
  cursor?: string | undefined;
  /** Why the daemon ends it. */
  reason?: StreamEnd;
}

/** One client: its calls and subscriptions, each through dispatch like any request. */
export class Connection {
  readonly #socket: WebSocket;
  readonly #deps: ConnectionDeps;
  readonly #running = new Map<string, Running>();
  #token: string | undefined;
  #member: string | undefined;
  #expiry: ReturnType<typeof atTime> | undefined;
  #badFrames = 0;
  #isAlive = true;
  #lastCursor: string | undefined;

  constructor(socket: WebSocket, deps: ConnectionDeps, subject: Subject | undefined) {
    this.#socket = socket;
    this.#deps = deps;
    const heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    const patience = setTimeout(() => {
      if (this.#member === undefined) {
        this.#close(CLOSE.unauthenticated, { reason: 'auth_timeout' });
      }
    }, AUTH_TIMEOUT_MS);
    socket.on('pong', () => {
      this.#isAlive = true;
    });
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('error', (error) => deps.log.info({ reason: error.message }, 'websocket broke'));
    socket.on('close', () => {
      clearInterval(heartbeat);
      clearTimeout(patience);
      this.#expiry?.clear();
      for (const { abort } of this.#running.values()) abort.abort();
    });
    if (subject) this.#welcome(subject);
  }

  /** Ends the subscriptions, each with its cursor, and closes. */
  stop(): void {
    for (const running of this.#running.values()) {
      running.reason = 'stopping';
      running.abort.abort();
    }
    for (const [id, { isSubscription, cursor }] of this.#running) {
      if (isSubscription) this.#send({ id, end: { reason: 'stopping', cursor } });
    }
    this.#close(CLOSE.stopping, { reason: 'stopping', cursor: this.#lastCursor }, STOP_GRACE_MS);
  }

  #beat(): void {
    if (!this.#isAlive) {
      this.#socket.terminate();
      return;
    }
    this.#isAlive = false;
    this.#socket.ping();
    if (this.#member === undefined) return;
    // Also for whoever only listens: what was revoked meanwhile ends here.
    void this.#subject().catch(() => undefined);
  }

  #receive(data: RawData, isBinary: boolean): void {
    let frame: ClientFrame;
    try {
      if (isBinary) throw new AppError('INPUT_INVALID', 'Frames are text.');
      frame = parseFrame(messageText(data));
    } catch (error) {
      this.#badFrames += 1;
      this.#send({ error: toProblem(error, randomUUID()) });
      if (this.#badFrames >= MAX_BAD_FRAMES) this.#close(CLOSE.policy, { reason: 'bad_frames' });
      return;
    }
    void this.#obey(frame);
  }

  async #obey(frame: ClientFrame): Promise<void> {
    if (frame.kind === 'auth') return this.#authenticate(frame.auth.token);
    const requestId = randomUUID();
    try {
      if (frame.kind === 'cancel') {
        this.#running.get(frame.cancel)?.abort.abort();
        this.#send({ id: frame.id, output: {} });
      } else if (frame.kind === 'call') await this.#call(frame, requestId);
      else await this.#subscribe(frame, requestId);
    } catch (error) {
      if (!(error instanceof AppError)) this.#deps.log.error({ err: error, requestId }, 'bug');
      this.#send({ id: frame.id, error: toProblem(error, requestId) });
    }
  }

  async #authenticate(token: string): Promise<void> {
    try {
      const subject = await this.#deps.identify(token);
      if (this.#member !== undefined && subject.id !== this.#member) {
        throw new AppError('TOKEN_INVALID', 'This connection is another member’s: open a new one.');
      }
      this.#token = token;
      this.#welcome(subject);
    } catch (error) {
      this.#send({ error: toProblem(error, randomUUID()) });
      this.#close(CLOSE.unauthenticated, { reason: 'auth_failed' });
    }
  }

  #welcome(subject: Subject): void {
    const { id, name, expiresAt } = subject;
    this.#member = id;
    this.#expiry?.clear();
    this.#expiry = atTime(expiresAt, () => {
      this.#close(CLOSE.unauthenticated, { reason: 'token_expired', cursor: this.#lastCursor });
    });
    this.#send({ ready: { apiVersion: API_VERSION, member: { id, name }, expiresAt } });
  }

  /** @throws {AppError} when it is no longer good; the connection is closed then. */
  async #subject(): Promise<Subject> {
    try {
      return await this.#deps.identify(this.#token);
    } catch (error) {
      if (error instanceof AppError && error.code !== 'DATABASE_UNAVAILABLE') {
        this.#close(CLOSE.unauthenticated, { reason: 'revoked', cursor: this.#lastCursor });
      }
      throw error;
    }
  }

  async #call(frame: Extract<ClientFrame, { kind: 'call' }>, requestId: string): Promise<void> {
    const { id, call, input } = frame;
    if (!isOperationId(call) || registry[call].kind === 'stream') {
      throw new AppError('ROUTE_NOT_FOUND', `There is no operation "${call}" to call.`);
    }
    const running = this.#begin(id, false);
    try {
      const context = await this.#context(running, requestId, frame);
      this.#send({ id, output: await this.#deps.dispatch(call, input ?? {}, context) });
    } finally {
      this.#running.delete(id);
    }
  }

  async #subscribe(
    frame: Extract<ClientFrame, { kind: 'subscribe' }>,
    requestId: string,
  ): Promise<void> {
    const { id, subscribe, input } = frame;
    if (!isOperationId(subscribe) || registry[subscribe].kind !== 'stream') {
      throw new AppError('ROUTE_NOT_FOUND', `There is no stream "${subscribe}" to subscribe to.`);
    }
    const running = this.#begin(id, true);
    try {
      const context = await this.#context(running, requestId, frame);
      const items = await this.#deps.dispatch(subscribe, input ?? {}, context);
      this.#send({ id, subscribed: true });
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- dispatch answers a stream with one
      await this.#pump(id, items as AsyncIterable<unknown>, running);
      if (running.reason === undefined) {
        this.#send({ id, end: { reason: 'complete', cursor: running.cursor } });
      }
    } finally {
      this.#running.delete(id);
    }
  }

  async #pump(id: string, items: AsyncIterable<unknown>, running: Running): Promise<void> {
    const head = `{"id":${JSON.stringify(id)},"item":`;
    for await (const item of items) {
      if (running.abort.signal.aborted) return;
      this.#socket.send(`${head}${wireText(item)}}`);
      running.cursor = cursorOf(item) ?? running.cursor;
      this.#lastCursor = running.cursor;
      if (this.#socket.bufferedAmount <= HIGH_WATER_BYTES) continue;
      if (await this.#drained()) continue;
      running.reason = 'slow_reader';
      this.#close(CLOSE.slowReader, { reason: 'slow_reader', cursor: running.cursor });
      return;
    }
  }

  /** Whether what waits was taken in time. */
  #drained(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), STALL_TIMEOUT_MS);
      // Called when this frame, and so everything before it, has left.
      this.#socket.ping(undefined, undefined, () => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  #begin(id: string, isSubscription: boolean): Running {
    if (this.#running.has(id)) {
      throw new AppError('INPUT_INVALID', `The id "${id}" is in use on this connection.`, {
        field: 'id',
      });
    }
    const alike = [...this.#running.values()].filter(
      (running) => running.isSubscription === isSubscription,
    );
    const most = isSubscription ? MAX_SUBSCRIPTIONS : MAX_CALLS;
    if (alike.length >= most) {
      const what = isSubscription ? 'subscriptions' : 'calls';
      throw new AppError('LIMIT_REACHED', `A connection has at most ${most} ${what} at once.`);
    }
    const running = { abort: new AbortController(), isSubscription };
    this.#running.set(id, running);
    return running;
  }

  async #context(
    { abort }: Running,
    requestId: string,
    { idempotencyKey, traceparent: traceParent }: Told,
  ): Promise<CallContext> {
    if (this.#member === undefined) {
      throw new AppError('AUTH_REQUIRED', 'The first frame must be {"auth":{"token":…}}.');
    }
    return {
      subject: await this.#subject(),
      source: this.#deps.source,
      requestId,
      signal: abort.signal,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(traceParent === undefined ? {} : { traceParent }),
    };
  }

  #send(frame: object): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #close(code: number, reason: object, graceMs = STALL_TIMEOUT_MS): void {
    this.#socket.close(code, JSON.stringify(reason));
    // One that does not answer the closing is not waited for.
    setTimeout(() => this.#socket.terminate(), graceMs).unref();
  }
}
