import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import Fastify, { LogController } from 'fastify';
import { randomUUID } from 'node:crypto';

import type { Operation } from '../../../contract/operation.js';
import type { OperationId } from '../../../contract/registry.js';
import type { CallContext, Dispatch, Subject } from '../../dispatch.js';

import { API_VERSION, registry } from '../../../contract/registry.js';
import { AppError } from '../../../core/types/errors/app-error.js';
import { isOperationId } from '../../dispatch.js';
import { idempotencyKeyOf, inputOf } from './input.js';
import { openApiDocument } from './openapi.js';
import { toProblem } from './problem.js';
import { sendEvents } from './sse.js';

const BODY_LIMIT_BYTES = 1 << 20;
const HEADERS_TIMEOUT_MS = 10_000;
/** For receiving a request; answering may take as long as the operation does. Fastify's own default is none. */
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_CONNECTIONS = 256;
/** What our own clients send: no name of a host that a browser could be led to. */
export const LOCAL_HOST = 'syntropy';

export interface RestOptions {
  readonly dispatch: Dispatch;
  /** Whoever can open the local socket. */
  readonly localSubject: Subject;
  readonly log: FastifyBaseLogger;
}

/**
 * REST over the local socket, one route for each operation of the registry and `GET /v1/openapi.json`.
 * Browsers are kept out: a request with Origin or Referer, or for another Host, is refused, as tailscaled does.
 */
export function createRestServer(options: RestOptions): FastifyInstance {
  const app = Fastify({
    loggerInstance: options.log,
    // One line a request is enough: ours, when it has been answered.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    routerOptions: { maxParamLength: 255 },
    genReqId: () => randomUUID(),
    return503OnClosing: true,
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  // Only JSON is understood, and an empty body is no body.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    async (_: unknown, body: unknown) => parseJson(String(body)),
  );

  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ 'syntropy-api': API_VERSION, 'x-request-id': request.id });
    refuseBrowsers(request);
  });
  app.addHook('onResponse', async (request, reply) => {
    request.log.info(
      {
        method: request.method,
        route: request.routeOptions.url,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
      },
      'request',
    );
  });
  app.setNotFoundHandler((request) => {
    throw new AppError('ROUTE_NOT_FOUND', `There is no ${request.method} ${pathOf(request)}.`);
  });
  app.setErrorHandler((error, request, reply) => sendProblem(asAppError(error), request, reply));

  app.get('/v1/openapi.json', async () => openApiDocument());
  for (const [id, operation] of Object.entries<Operation>(registry)) {
    if (isOperationId(id)) route(app, id, operation, options);
  }
  return app;
}

function route(app: FastifyInstance, id: OperationId, operation: Operation, options: RestOptions) {
  const [method, url] = operation.http;
  app.route({
    method,
    url,
    handler: async (request, reply) => {
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const context: CallContext = {
        subject: options.localSubject,
        requestId: request.id,
        signal: gone.signal,
        ...keyOf(request),
      };
      const input = withLastEventId(request, operation, partsOf(request, operation));
      const output = await options.dispatch(id, input, context);
      if (!isAsyncIterable(output)) return reply.code(operation.httpStatus ?? 200).send(output);
      reply.hijack();
      await sendEvents(reply.raw, output, {
        'syntropy-api': API_VERSION,
        'x-request-id': request.id,
      });
      return reply;
    },
  });
}

function keyOf(request: FastifyRequest): { idempotencyKey?: string } {
  const idempotencyKey = idempotencyKeyOf(request.raw);
  return idempotencyKey === undefined ? {} : { idempotencyKey };
}

function partsOf(request: FastifyRequest, operation: Operation): Record<string, unknown> {
  const { query, params, body } = request;
  return inputOf(operation, {
    query: { ...asRecord(query) },
    params: { ...asRecord(params) },
    body,
  });
}

/** A browser-style reconnect resumes by header; it wins over the query of the first request. */
function withLastEventId(
  request: FastifyRequest,
  operation: Operation,
  input: Record<string, unknown>,
): Record<string, unknown> {
  const last = request.headers['last-event-id'];
  return operation.kind === 'stream' && typeof last === 'string'
    ? { ...input, after: last }
    : input;
}

function refuseBrowsers(request: FastifyRequest): void {
  const { origin, referer, host } = request.headers;
  if (origin === undefined && referer === undefined && host === LOCAL_HOST) return;
  throw new AppError('ORIGIN_REFUSED', 'This socket serves no browser and no other host name.');
}

function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const problem = toProblem(error, request.id);
  if (problem.status >= 500 && problem.code === 'INTERNAL')
    request.log.error({ err: error }, 'bug');
  else request.log.info({ code: problem.code, details: problem.details }, problem.detail);
  return reply.code(problem.status).type('application/problem+json').send(problem);
}

/** Fastify's own refusals (too large, not JSON, wrong media type) are the caller's, not bugs. */
function asAppError(error: unknown): unknown {
  if (error instanceof AppError || !(error instanceof Error)) return error;
  const status = 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' && status >= 400 && status < 500
    ? new AppError('INPUT_INVALID', error.message)
    : error;
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
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function pathOf(request: FastifyRequest): string {
  return (request.url.split('?')[0] ?? '').slice(0, 200);
}
