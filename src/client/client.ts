import type {
  CallId,
  OperationInput,
  OperationOutput,
  OperationId,
  StreamId,
} from '../contract/registry.js';
import type { HttpMethod } from '../contract/operation.js';
import type { ErrorDetails } from '../core/types/errors/app-error.js';

import { LONGEST_TIMER_MS } from '../core/types/constants/timers.js';
import { AppError } from '../core/types/errors/app-error.js';
import { isErrorCode } from '../core/types/errors/codes.js';
import { routes } from './routes.generated.js';

/** Version of the API that this client speaks; src/contract/registry.ts has the same, which a test makes sure of. */
export const CLIENT_API_VERSION = '1.4';

export interface HttpRequest {
  readonly method: HttpMethod;
  /** With its query string. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  readonly timeoutMs: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The whole body. */
  text(): Promise<string>;
  /** The body as it comes. */
  readonly chunks: AsyncIterable<string>;
}

/** Carries one request. Throws AppError DAEMON_UNREACHABLE, SOCKET_PERMISSION or TIMED_OUT. */
export type Transport = (request: HttpRequest) => Promise<HttpResponse>;

export interface CallOptions {
  /** Makes a repeated mutation happen once. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
  /** For the whole answer. Default: 30 s. */
  readonly timeoutMs?: number;
}

/** Why a daemon has ended a stream: `complete`, or what to go on after, such as `stopping` or `slow_reader`. */
export interface StreamEnd {
  readonly reason: string;
  /** Of the last item that was sent, where items have one. */
  readonly cursor?: string;
}

export interface StreamOptions extends Pick<CallOptions, 'signal'> {
  /** Told before the stream ends, unless the connection breaks: for who must know whether it had everything. */
  readonly onEnd?: (end: StreamEnd) => void;
}

export interface ClientOptions {
  readonly transport: Transport;
  /** Told once when client and daemon differ in the minor version of the API. */
  readonly onSkew?: (daemonVersion: string) => void;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_EVENT_CHARACTERS = 1 << 20;

/**
 * Typed calls of every operation of the contract. Needs nothing of Node itself: where bytes go is the transport's, so that
 * the same client runs in a browser.
 */
export class SyntropyClient {
  readonly #options: ClientOptions;
  #skewTold = false;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** @throws {AppError} with the code that the daemon gave, or the transport's. */
  async call<Id extends CallId>(
    id: Id,
    input: OperationInput<Id>,
    options: CallOptions = {},
  ): Promise<OperationOutput<Id>> {
    const response = await this.#send(id, input, options, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const text = await response.text();
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the daemon shapes each answer by the contract before it sends it
    return parseJson(text, id) as OperationOutput<Id>;
  }

  /**
   * Items of a stream as they happen, until the signal aborts or the daemon ends it. To resume, call again with the cursor of
   * the last item.
   * @throws {AppError} as `call`, also while it runs.
   */
  async *stream<Id extends StreamId>(
    id: Id,
    input: OperationInput<Id>,
    options: StreamOptions = {},
  ): AsyncGenerator<OperationOutput<Id>> {
    const response = await this.#send(id, input, options, 0);
    for await (const { event, data } of serverSentEvents(response.chunks)) {
      if (event === 'end') {
        // Read also where nobody listens: it may be a failure.
        const end = endOf(parseJson(data, id), id);
        options.onEnd?.(end);
        return;
      }
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- shaped by the daemon, as in `call`
      yield parseJson(data, id) as OperationOutput<Id>;
    }
  }

  async #send(
    id: OperationId,
    input: object,
    options: CallOptions,
    timeoutMs: number,
  ): Promise<HttpResponse> {
    const { method, path, body } = place(id, input);
    const response = await this.#options.transport({
      method,
      path,
      // One request is not asked for longer than a timer takes; what is waited for by events may be.
      timeoutMs: Math.min(timeoutMs, LONGEST_TIMER_MS),
      headers: {
        'syntropy-api': CLIENT_API_VERSION,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(options.idempotencyKey === undefined
          ? {}
          : { 'idempotency-key': options.idempotencyKey }),
      },
      ...(body === undefined ? {} : { body }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    this.#checkVersion(response.headers['syntropy-api']);
    if (response.status >= 200 && response.status < 300) return response;
    throw failureOf(await response.text(), response.status, id);
  }

  #checkVersion(daemonVersion: string | undefined): void {
    if (daemonVersion === undefined || daemonVersion === CLIENT_API_VERSION) return;
    if (daemonVersion.split('.')[0] !== CLIENT_API_VERSION.split('.')[0]) {
      throw new AppError(
        'API_VERSION_MISMATCH',
        `The daemon speaks API ${daemonVersion}, this command ${CLIENT_API_VERSION}.`,
        { daemonVersion, clientVersion: CLIENT_API_VERSION },
      );
    }
    if (this.#skewTold) return;
    this.#skewTold = true;
    this.#options.onSkew?.(daemonVersion);
  }
}

/** Puts an input where the contract's HTTP binding has it: path, then query (GET, DELETE) or body. */
function place(id: OperationId, input: object) {
  const [method, template] = routes[id];
  const rest = new Map<string, unknown>(
    Object.entries(input).filter(([, value]) => value !== undefined),
  );
  const path = template.replaceAll(/:(\w+)/g, (_, name: string) => {
    const value = encodeURIComponent(String(rest.get(name)));
    rest.delete(name);
    return value;
  });
  if (method === 'POST' || method === 'PUT' || method === 'PATCH') {
    return { method, path, body: JSON.stringify(Object.fromEntries(rest)) };
  }
  const query = [...rest].map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return {
    method,
    path: query.length === 0 ? path : `${path}?${query.join('&')}`,
    body: undefined,
  };
}

function failureOf(text: string, status: number, id: OperationId): AppError {
  const problem: unknown = safeJson(text);
  if (
    typeof problem === 'object' &&
    problem !== null &&
    'code' in problem &&
    isErrorCode(problem.code)
  ) {
    const message = 'detail' in problem ? String(problem.detail) : problem.code;
    const requestId = 'requestId' in problem ? { requestId: String(problem.requestId) } : {};
    const details = 'details' in problem ? detailsOf(problem.details) : {};
    return new AppError(
      problem.code,
      message,
      problem.code === 'INTERNAL' ? { ...details, ...requestId } : details,
    );
  }
  // What an HTTP server says by itself when it closes.
  if (status === 503) return new AppError('DAEMON_UNREACHABLE', 'The daemon is stopping.');
  if (status === 502 || status === 504) {
    return new AppError(
      'DAEMON_UNREACHABLE',
      `A proxy answers that it cannot reach the daemon (HTTP ${status}).`,
    );
  }
  return new AppError(
    'INTERNAL',
    `The daemon gave an unexpected answer to ${id} (HTTP ${status}).`,
    {
      status,
    },
  );
}

function detailsOf(value: unknown): ErrorDetails {
  const details: Record<string, string | number | boolean> = {};
  if (typeof value !== 'object' || value === null) return details;
  for (const [key, detail] of Object.entries(value)) {
    if (typeof detail === 'string' || typeof detail === 'number' || typeof detail === 'boolean') {
      details[key] = detail;
    }
  }
  return details;
}

function parseJson(text: string, id: OperationId): unknown {
  const value = safeJson(text);
  if (value !== undefined) return value;
  throw new AppError('INTERNAL', `The daemon's answer to ${id} is not JSON.`);
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What the last frame of a stream says. @throws {AppError} the failure that ended it. */
function endOf(last: unknown, id: OperationId): StreamEnd {
  const fields = new Map<string, unknown>(Object.entries(last ?? {}));
  const error = fields.get('error');
  if (error !== undefined) throw failureOf(JSON.stringify(error), 0, id);
  const cursor = fields.get('cursor');
  return {
    reason: String(fields.get('reason')),
    ...(typeof cursor === 'string' ? { cursor } : {}),
  };
}

/** Each event (https://html.spec.whatwg.org/multipage/server-sent-events.html); comments keep the line alive. */
async function* serverSentEvents(
  chunks: AsyncIterable<string>,
): AsyncGenerator<{ readonly event: string | undefined; readonly data: string }> {
  let pending = '';
  for await (const chunk of chunks) {
    const blocks = (pending + chunk).split('\n\n');
    pending = blocks.pop() ?? '';
    if (pending.length > MAX_EVENT_CHARACTERS) {
      throw new AppError('INTERNAL', 'The daemon sent an event that is too long.');
    }
    for (const block of blocks) {
      const lines = block.split('\n');
      const event = lines.find((line) => line.startsWith('event: '))?.slice(7);
      const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6));
      if (data.length > 0) yield { event, data: data.join('\n') };
    }
  }
}
