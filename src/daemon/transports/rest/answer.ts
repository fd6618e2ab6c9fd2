import type { FastifyReply, FastifyRequest } from 'fastify';

import { AppError } from '../../../core/types/errors/app-error.js';
import { toProblem } from './problem.js';

/** What is left of the caller's limit (draft-ietf-httpapi-ratelimit-headers-06, which most clients know). */
function tellLimit(request: FastifyRequest, reply: FastifyReply): void {
  if (!request.limit) return;
  const { limit, remaining, resetMs } = request.limit;
  void reply
    .header('ratelimit-limit', limit)
    .header('ratelimit-remaining', Math.max(0, remaining))
    .header('ratelimit-reset', Math.ceil(resetMs / 1000));
}

/** An object with a version goes with its ETag (RFC 9110 §8.8.3); one that the caller has already is not sent again. */
export function sendOutput(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  output: unknown,
) {
  tellLimit(request, reply);
  const tag = tagOf(output);
  if (tag === undefined) return reply.code(status).send(output);
  reply.header('etag', tag);
  return request.method === 'GET' && request.headers['if-none-match'] === tag
    ? reply.code(304).send()
    : reply.code(status).send(output);
}

function tagOf(output: unknown): string | undefined {
  const isVersioned =
    typeof output === 'object' &&
    output !== null &&
    'version' in output &&
    typeof output.version === 'number';
  return isVersioned ? `"${String(output.version)}"` : undefined;
}

/** RFC 9457, with what HTTP wants beside it: how to sign in, when to come back. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const problem = toProblem(asAppError(error), request.id);
  const { code, details, requestId } = problem;
  if (code === 'INTERNAL') request.log.error({ err: error, requestId }, 'bug');
  else request.log.info({ code, details, requestId }, problem.detail);
  tellLimit(request, reply);
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
  const retryAfter = problem.details['retryAfterSeconds'];
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
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
