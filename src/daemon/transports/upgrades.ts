import type { IncomingMessage, Server } from 'node:http';
import type { Logger } from 'pino';
import type { Duplex } from 'node:stream';

import { randomUUID } from 'node:crypto';

import type { Entrance } from './rest/entrance.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { toProblem } from './rest/problem.js';

/** Stands for every path that is none of ours: nobody else chooses what a metric is called. */
const UNMATCHED = 'unmatched';

/** Takes a connection over, or throws why not. `source` is where it comes from. */
export type UpgradeHandler = (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  source: string,
) => Promise<void>;

export interface UpgradeOptions {
  readonly entrance: Entrance;
  readonly log: Logger;
  readonly sourceOf: (request: IncomingMessage) => string;
  /** @throws {AppError} RATE_LIMITED. */
  readonly limitAddress?: (address: string) => unknown;
  /** By path. */
  readonly handlers: Readonly<Record<string, UpgradeHandler>>;
  /** Told how each request for an upgrade was answered; `path` is one of ours, or `unmatched`. */
  readonly onUpgrade: (path: string, status: number) => void;
}

/** Serves the upgrades of a server: the same limits and the same door as for requests, then whoever has the path. */
export function serveUpgrades(http: Pick<Server, 'on'>, options: UpgradeOptions): void {
  http.on('upgrade', (request, socket, head) => {
    // Until somebody takes over, a peer that breaks off would otherwise be an error that nobody hears.
    socket.on('error', ignore);
    const path = pathOf(request, options.handlers);
    upgrade(options, path, request, socket, head)
      .then(() => options.onUpgrade(path, 101))
      .catch((error: unknown) => options.onUpgrade(path, refuse(socket, error, options.log)))
      .finally(() => socket.off('error', ignore));
  });
}

async function upgrade(
  { entrance, sourceOf, limitAddress, handlers }: UpgradeOptions,
  path: string,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const source = sourceOf(request);
  await limitAddress?.(source);
  entrance.admit(request);
  const handler = handlers[path];
  if (handler) return handler(request, socket, head, source);
  const known = Object.keys(handlers).join(' and ');
  throw new AppError('ROUTE_NOT_FOUND', `Upgrades are served at ${known}.`);
}

function pathOf(request: IncomingMessage, handlers: UpgradeOptions['handlers']): string {
  const path = (request.url ?? '').split('?')[0] ?? '';
  return Object.hasOwn(handlers, path) ? path : UNMATCHED;
}

function ignore(): void {
  // Somebody hung up.
}

/** The handshake has not happened: an HTTP answer like any other refusal. Says with which status. */
function refuse(socket: Duplex, error: unknown, log: Logger): number {
  const requestId = randomUUID();
  const problem = toProblem(error, requestId);
  if (problem.code === 'INTERNAL') log.error({ err: error, requestId }, 'bug');
  const body = JSON.stringify(problem);
  const retryAfter = problem.details['retryAfterSeconds'];
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.code}\r\nConnection: close\r\n` +
      (retryAfter === undefined ? '' : `Retry-After: ${retryAfter}\r\n`) +
      `Content-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  return problem.status;
}
