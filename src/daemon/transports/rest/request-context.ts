import type { FastifyReply, FastifyRequest } from 'fastify';

import type { CallContext, LimitWindow } from '../../dispatch.js';
import type { Subject } from '../../subject.js';

import { anonymous } from '../../subject.js';
import { idempotencyKeyOf } from './input.js';

/**
 * What a request says beside its input. A class, for an object literal with a getter is of a shape of its own each time, and V8 keeps
 * what hangs on such shapes until its next full collection: that was half of the cost of a call.
 */
export class RequestContext implements CallContext {
  readonly subject: Subject;
  readonly source: string;
  readonly requestId: string;
  readonly idempotencyKey?: string;
  readonly traceParent?: string;
  readonly #request: FastifyRequest;
  readonly #reply: FastifyReply;
  #gone: AbortController | undefined;

  constructor(request: FastifyRequest, reply: FastifyReply) {
    this.#request = request;
    this.#reply = reply;
    this.subject = request.subject ?? anonymous;
    this.source = request.source;
    this.requestId = request.id;
    const key = idempotencyKeyOf(request.raw);
    if (key !== undefined) this.idempotencyKey = key;
    const { traceparent } = request.headers;
    if (typeof traceparent === 'string') this.traceParent = traceparent;
  }

  /** Made for those who look at it: most calls have ended before anybody could. */
  get signal(): AbortSignal {
    return (this.#gone ??= this.#watch()).signal;
  }

  onLimit(window: LimitWindow): void {
    this.#request.limit = window;
  }

  #watch(): AbortController {
    const controller = new AbortController();
    // Whoever has gone by now will not go again.
    if (this.#reply.raw.destroyed) controller.abort();
    else this.#reply.raw.once('close', () => controller.abort());
    return controller;
  }
}
