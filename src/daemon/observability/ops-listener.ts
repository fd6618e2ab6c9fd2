import type { AddressInfo } from 'node:net';

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';

import type { EventLoop } from './event-loop.js';
import type { Metrics } from './metrics.js';
import type { Readiness } from './readiness.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { listenAddress } from '../listen-address.js';
import { boundedAnswer } from './bounded-answer.js';

const MAX_CONNECTIONS = 64;
const MAX_HEADER_BYTES = 8 << 10;
const HEADERS_TIMEOUT_MS = 5_000;
/** A socket on which nothing moves for so long is closed, whoever is to blame. */
const IDLE_TIMEOUT_MS = 15_000;
const CHECK_INTERVAL_MS = 1_000;
/** All metrics are written on the loop that serves calls: that is done twice a second at most, however many look. */
const KEEP_METRICS_MS = 500;
const METRICS_TIMEOUT_MS = 5_000;
/** What a stopping daemon waits for a reader of its numbers. */
const CLOSE_TIMEOUT_MS = 1_000;

export interface OpsOptions {
  /** `host:port`; port 0 for a free one. */
  readonly listen: string;
  /** Host names, beside addresses and localhost, that requests may be for. */
  readonly allowedHosts: readonly string[];
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly eventLoop: EventLoop;
}

export interface OpsListener {
  /** As this host reaches it. */
  readonly url: string;
  close(): Promise<void>;
}

interface Sources extends OpsOptions {
  readonly readMetrics: () => Promise<string>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/**
 * Probes and metrics, on a port of their own: `/livez`, `/readyz`, `/metrics`. Knows nobody, so it says nothing that is secret and
 * changes nothing; and it stays answerable when the API has more to do than it can.
 * @throws {AppError} CONFIG_INVALID when the address is taken or not this host's.
 */
export async function listenForOps(options: OpsOptions): Promise<OpsListener> {
  const { host, port } = listenAddress(options.listen, 'ops.listen');
  const names = new Set(
    ['localhost', host, ...options.allowedHosts].map((name) => name.toLowerCase()),
  );
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: HEADERS_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(IDLE_TIMEOUT_MS);
  const readMetrics = boundedAnswer(() => options.metrics.render(), {
    timeoutMs: METRICS_TIMEOUT_MS,
    keepMs: KEEP_METRICS_MS,
  });
  server.on('request', (request, response) => {
    void answer(request, names, { ...options, readMetrics }).then((found) => send(response, found));
  });
  await opened(server, host, port);
  return { url: urlOf(server), close: () => closed(server) };
}

async function answer(
  request: IncomingMessage,
  names: ReadonlySet<string>,
  { metrics, readMetrics, readiness, eventLoop }: Sources,
): Promise<Answer> {
  if (!isExpectedHost(request.headers.host, names)) {
    return text(403, 'This listener does not answer for this host name; see ops.allowedHosts.');
  }
  if (request.method !== 'GET') return text(405, 'Only GET is served here.');
  switch (request.url?.split('?')[0]) {
    case '/livez':
      return json(eventLoop.isLive() ? 200 : 503, {
        status: eventLoop.isLive() ? 'live' : 'late',
        lagMs: Math.round(eventLoop.lagMs()),
      });
    case '/readyz': {
      const report = await readiness.report();
      return json(report.status === 'unready' ? 503 : 200, report);
    }
    case '/metrics':
      return readMetrics().then(
        (body) => ({ status: 200, type: metrics.contentType, body }),
        () => text(500, 'The metrics cannot be read.'),
      );
    default:
      return text(404, 'There are /livez, /readyz and /metrics.');
  }
}

/**
 * A page in a browser can be led to any address by a name of its own (DNS rebinding); then the name is what gives it away. An address
 * as host is what probes and Prometheus send.
 */
function isExpectedHost(header: string | undefined, names: ReadonlySet<string>): boolean {
  if (header === undefined) return false;
  const host = header.replace(/:\d{1,5}$/, '').toLowerCase();
  return names.has(host) || isIP(host.replaceAll(/^\[|\]$/g, '')) !== 0;
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  const isBroken = status >= 400 && status !== 503;
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 ? { allow: 'GET' } : {}),
    // Whoever sends what is not served here may also send a body that nobody reads.
    ...(isBroken ? { connection: 'close' } : {}),
  });
  response.end(body);
}

function text(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` };
}

function json(status: number, body: object): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(body)}\n` };
}

function opened(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.on('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code ?? 'unknown';
      const message = `Cannot listen on ${host}:${port} for probes and metrics (${reason}).`;
      reject(new AppError('CONFIG_INVALID', message, { key: 'ops.listen', reason }));
    });
    server.listen({ host, port }, resolve);
  });
}

function urlOf(server: Server): string {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP, whose address is one of these
  const { address, port } = server.address() as AddressInfo;
  const reachable = new Map([
    ['0.0.0.0', '127.0.0.1'],
    ['::', '::1'],
  ]);
  const host = reachable.get(address) ?? address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

async function closed(server: Server): Promise<void> {
  const force = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(force);
}
