import type { FastifyInstance } from 'fastify';

import type { Counter, Metrics } from './metrics.js';

/** What no route was found for: the path itself would let anybody make series without end. */
const UNMATCHED = 'unmatched';
/** The caller went before it had an answer, as nginx says it. */
const STATUS_GONE = 499;
/** Methods that have a label of their own. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const OTHER = 'OTHER';

/** Status of the answer that Fastify gives to what is not HTTP, by Node's code. */
const BROKEN: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408',
  HPE_HEADER_OVERFLOW: '431',
};

/**
 * `http_requests_total`: a request counts when its answer has ended, a stream's and a broken one's too. `endpoint` is the template of
 * the route.
 */
export interface HttpMetrics {
  /** Counts the requests of one server. Give it the server before anything else, so that it sees what others refuse. */
  readonly observe: (app: FastifyInstance) => void;
  /** Counts what does not come through a router, such as an upgrade. The endpoint is no caller's word. */
  readonly count: (method: string, endpoint: string, status: number) => void;
}

export function createHttpMetrics(metrics: Metrics): HttpMetrics {
  const counter = metrics.counter({
    name: 'http_requests_total',
    help: 'Requests that were answered, by method, route template and status.',
    labels: ['method', 'endpoint', 'status'],
  });
  const cellOf = (method: string, endpoint: string, status: string): Counter =>
    counter(METHODS.has(method) ? method : OTHER, endpoint, status);
  return {
    count: (method, endpoint, status) => cellOf(method, endpoint, String(status)).add(),
    observe(app) {
      const routes = new WeakMap<object, Map<number, Counter>>();
      app.addHook('onRequest', (request, reply, done) => {
        const { config } = request.routeOptions;
        reply.raw.on('close', () => {
          const status = reply.raw.headersSent ? reply.raw.statusCode : STATUS_GONE;
          // All that have no route share one configuration, so that only the method tells them apart.
          if (config.url === undefined) {
            cellOf(request.method, UNMATCHED, String(status)).add();
            return;
          }
          let known = routes.get(config);
          if (!known) routes.set(config, (known = new Map()));
          let cell = known.get(status);
          if (!cell) {
            known.set(status, (cell = cellOf(request.method, config.url, String(status))));
          }
          cell.add();
        });
        done();
      });
      app.server.on('clientError', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNRESET') return;
        cellOf(OTHER, UNMATCHED, BROKEN[error.code ?? ''] ?? '400').add();
      });
    },
  };
}
