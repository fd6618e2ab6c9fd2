import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';

import Fastify, { LogController } from 'fastify';
import { randomUUID } from 'node:crypto';

import type { Operation } from '../../../contract/operation.js';
import type { OperationId } from '../../../contract/registry.js';
import type { Dispatch, LimitWindow } from '../../dispatch.js';
import type { Subject } from '../../subject.js';
import type { Entrance } from './entrance.js';

import { PACED_STALL_MS } from '../stream-end.js';
import { API_VERSION, registry } from '../../../contract/registry.js';
import { AppError } from '../../../core/types/errors/app-error.js';
import { isOperationId, refusalOf } from '../../dispatch.js';
import { sendOutput, sendProblem } from './answer.js';
import { inputOf } from './input.js';
import { openApiDocument } from './openapi.js';
import { RequestContext } from './request-context.js';
import { sendEvents } from './sse.js';
import { type ServedReleases, serveReleases } from './releases.js';
import { readableTarget } from './target.js';

const BODY_LIMIT_BYTES = 1 << 20;
const HEADERS_TIMEOUT_MS = 10_000;
/** For receiving a request; answering may take as long as the operation does. Fastify's own default is none. */
const REQUEST_TIMEOUT_MS = 30_000;
/** More than fits into the head of a request. */
const MAX_PARAM_LENGTH = 1 << 16;
const KEEP_ALIVE_TIMEOUT_MS = 15_000;
/** For a browser that asks before it calls; it may remember the answer for so long. */
const PREFLIGHT_SECONDS = 600;

export interface RestOptions {
  readonly dispatch: Dispatch;
  readonly entrance: Entrance;
  readonly log: Logger;
  /** Where a request comes from: an address, or `socket`. */
  readonly sourceOf: (request: IncomingMessage) => string;
  /** Takes one from what this address may ask before it has said who it is. @throws {AppError} RATE_LIMITED. */
  readonly limitAddress?: (address: string) => LimitWindow | Promise<LimitWindow>;
  /** Absent: no TLS. */
  readonly https?: object;
  readonly maxConnections: number;
  /** The agent, for machines that are yet to join; absent where none come in. */
  readonly releases?: ServedReleases;
  /** Given the server while it is empty, so that it sees what is refused, too. */
  readonly observe?: (app: FastifyInstance) => void;
  /** Aborts when the daemon begins to stop. */
  readonly stopping: AbortSignal;
}

/** REST, one route for each operation of the registry, `GET /v1/openapi.json` and the key set where others look for it. */
export function createRestServer(options: RestOptions): FastifyInstance {
  const limits = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // How often Node looks for requests that take too long; its own 30 s would double the time above.
    connectionsCheckingInterval: HEADERS_TIMEOUT_MS / 2,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
  };
  const { https } = options;
  const logger: FastifyBaseLogger = options.log;
  const app = Fastify({
    loggerInstance: logger,
    // A logger for each request would cost more than all the rest; lines that need the request say so themselves.
    childLoggerFactory: (parent) => parent,
    // One line a request is enough: ours, when it has been answered.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    ...(https ? { https: { ...limits, ...https } } : { http: limits }),
    // The router has no say in what is too long: the contract has, past the door.
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    rewriteUrl: (request) => readableTarget(request.url ?? ''),
    genReqId: () => randomUUID(),
    return503OnClosing: true,
  });
  app.server.maxConnections = options.maxConnections;
  // Only JSON is understood, and an empty body is no body.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    async (_: unknown, body: unknown) => parseJson(String(body)),
  );
  app.decorateRequest('subject', null);
  app.decorateRequest('source', '');
  app.decorateRequest('limit', null);
  options.observe?.(app);
  addHooks(app, options);
  app.setNotFoundHandler((request) => {
    throw new AppError('ROUTE_NOT_FOUND', `There is no ${request.method} ${pathOf(request)}.`);
  });
  app.setErrorHandler(sendProblem);

  app.get('/v1/openapi.json', async () => openApiDocument());
  app.get('/.well-known/jwks.json', async (request, reply) =>
    options.dispatch('keys.list', {}, new RequestContext(request, reply)),
  );
  if (options.releases) serveReleases(app, options.releases);
  for (const [id, operation] of Object.entries<Operation>(registry)) {
    if (isOperationId(id)) route(app, id, operation, options);
  }
  return app;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null until it has been found out. */
    subject: Subject | null;
    /** An address, or `socket`. */
    source: string;
    /** What is left of the narrowest limit that was looked at. */
    limit: LimitWindow | null;
  }
}

/** Before a body is read: from where, through which door, who. After the answer: one line. */
function addHooks(app: FastifyInstance, options: RestOptions): void {
  const { entrance, limitAddress, log, sourceOf } = options;
  app.addHook('onRequest', async (request, reply) => {
    void reply.header('syntropy-api', API_VERSION).header('x-request-id', request.id);
    request.source = sourceOf(request.raw);
    if (limitAddress) {
      const left = limitAddress(request.source);
      request.limit = left instanceof Promise ? await left : left;
    }
    entrance.admit(request.raw);
    allowOrigin(entrance, request, reply);
    if (request.method === 'OPTIONS') return answerPreflight(entrance, request, reply);
    // Known already, most of the time.
    const subject = entrance.identify(request.raw);
    request.subject = subject instanceof Promise ? await subject : subject;
  });
  app.addHook('onResponse', (request, reply, done) => {
    done();
    if (!log.isLevelEnabled('info')) return;
    log.info(
      {
        requestId: request.id,
        method: request.method,
        route: request.routeOptions.url,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        member: request.subject?.name,
      },
      'request',
    );
  });
}

function allowOrigin(entrance: Entrance, request: FastifyRequest, reply: FastifyReply): void {
  const origin = entrance.allowedOrigin(request.raw);
  if (origin === undefined) return;
  reply.headers({
    'access-control-allow-origin': origin,
    'access-control-expose-headers':
      'etag, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset, syntropy-api, x-request-id',
    vary: 'origin',
  });
}

function answerPreflight(entrance: Entrance, request: FastifyRequest, reply: FastifyReply) {
  if (entrance.allowedOrigin(request.raw) === undefined) return;
  return reply
    .headers({
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers':
        'authorization, content-type, idempotency-key, if-match, last-event-id, syntropy-api',
      'access-control-max-age': PREFLIGHT_SECONDS,
    })
    .code(204)
    .send();
}

function route(app: FastifyInstance, id: OperationId, operation: Operation, options: RestOptions) {
  const [method, url] = operation.http;
  app.route({
    method,
    url,
    handler: async (request, reply) => {
      const context = new RequestContext(request, reply);
      const input = inputOf(operation, {
        query: asRecord(request.query),
        params: asRecord(request.params),
        body: request.body,
        headers: request.headers,
      });
      const output = await options.dispatch(id, input, context);
      if (!isAsyncIterable(output)) {
        return sendOutput(request, reply, operation.httpStatus ?? 200, output);
      }
      reply.hijack();
      await sendEvents(reply.raw, output, {
        // What hooks have set is lost otherwise, for the answer is no longer Fastify's.
        headers: headersOf(reply),
        requestId: request.id,
        ...goodFor(context.subject),
        stillMay: async () => {
          const refusal = refusalOf(
            operation,
            await options.entrance.again(request.raw, context.subject),
          );
          if (refusal) throw refusal;
        },
        ...(operation.paced ? { stallMs: PACED_STALL_MS } : {}),
        stopping: options.stopping,
      });
      return reply;
    },
  });
}

/** A stream of a session goes on for as long as that does, which is asked again and again: its access token was for the beginning. */
function goodFor({ sessionId, expiresAt }: Subject): { readonly expiresAt?: Date } {
  return sessionId === undefined && expiresAt ? { expiresAt } : {};
}

function headersOf(reply: FastifyReply): Record<string, string> {
  return Object.fromEntries(
    Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]),
  );
}

function parseJson(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text, (key, value: unknown) => (key === '__proto__' ? undefined : value));
  } catch {
    throw new AppError('INPUT_INVALID', 'The body is not JSON.');
  }
}

function asRecord(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function pathOf(request: FastifyRequest): string {
  return (request.url.split('?')[0] ?? '').slice(0, 200);
}
