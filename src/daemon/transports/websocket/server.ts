import type { IncomingMessage, Server } from 'node:http';
import type { Logger } from 'pino';
import type { Duplex } from 'node:stream';

import { randomUUID } from 'node:crypto';
import { WebSocketServer } from 'ws';

import type { Dispatch } from '../../dispatch.js';
import type { Subject } from '../../subject.js';
import type { Entrance } from '../rest/entrance.js';

import { AppError } from '../../../core/types/errors/app-error.js';
import { toProblem } from '../rest/problem.js';
import { Connection } from './connection.js';

export const WEBSOCKET_PATH = '/v1/ws';
const MAX_FRAME_BYTES = 64 << 10;
const MAX_CONNECTIONS = 5_000;

export interface WebSocketOptions {
  readonly dispatch: Dispatch;
  readonly entrance: Entrance;
  readonly log: Logger;
  readonly sourceOf: (request: IncomingMessage) => string;
  /** @throws {AppError} RATE_LIMITED. */
  readonly limitAddress?: (address: string) => unknown;
  /** Told how each request for an upgrade was answered. */
  readonly onUpgrade?: (status: number) => void;
}

export interface WebSocketTransport {
  /** Serves upgrades of this server, too. */
  attach(server: Pick<Server, 'on'>): void;
  readonly connections: number;
  /** Closes every connection with a reason and a cursor. */
  stop(): void;
}

/** WebSocket (RFC 6455) beside REST: the same doors, the same dispatch. No cookies, so a page elsewhere has nothing to ride on. */
export function createWebSocketTransport(options: WebSocketOptions): WebSocketTransport {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    clientTracking: false,
  });
  const connections = new Set<Connection>();
  const upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const source = options.sourceOf(request);
    const { subject, identify } = await admitted(options, request, source, connections.size);
    server.handleUpgrade(request, socket, head, (client) => {
      const { dispatch, log } = options;
      const connection = new Connection(client, { dispatch, log, source, identify }, subject);
      connections.add(connection);
      options.onUpgrade?.(101);
      client.on('close', () => connections.delete(connection));
    });
  };
  return {
    attach(http) {
      http.on('upgrade', (request, socket, head) => {
        // Until ws takes over, a peer that breaks off would otherwise be an error that nobody hears.
        socket.on('error', ignore);
        upgrade(request, socket, head)
          .catch((error: unknown) => options.onUpgrade?.(refuse(socket, error, options.log)))
          .finally(() => socket.off('error', ignore));
      });
    },
    get connections() {
      return connections.size;
    },
    stop() {
      for (const connection of connections) connection.stop();
    },
  };
}

function ignore(): void {
  // Somebody hung up.
}

async function admitted(
  { entrance, limitAddress }: WebSocketOptions,
  request: IncomingMessage,
  source: string,
  open: number,
): Promise<{
  readonly subject: Subject | undefined;
  readonly identify: (token: string | undefined) => Subject | Promise<Subject>;
}> {
  await limitAddress?.(source);
  entrance.admit(request);
  if ((request.url ?? '').split('?')[0] !== WEBSOCKET_PATH) {
    throw new AppError('ROUTE_NOT_FOUND', `Upgrades are served at ${WEBSOCKET_PATH}.`);
  }
  if (open >= MAX_CONNECTIONS) {
    throw new AppError('LIMIT_REACHED', `${MAX_CONNECTIONS} clients are connected already.`);
  }
  // Never from the query string, which ends up in logs.
  const identify = (token: string | undefined) => entrance.identify(withToken(request, token));
  const subject = await identify(undefined);
  return { subject: subject.via === 'none' ? undefined : subject, identify };
}

function withToken(request: IncomingMessage, token: string | undefined) {
  return token === undefined
    ? request
    : { headers: { ...request.headers, authorization: `Bearer ${token}` } };
}

/** The handshake has not happened: an HTTP answer like any other refusal. Says with which status. */
function refuse(socket: Duplex, error: unknown, log: Logger): number {
  const requestId = randomUUID();
  const problem = toProblem(error, requestId);
  if (problem.code === 'INTERNAL') log.error({ err: error, requestId }, 'bug');
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.code}\r\nConnection: close\r\n` +
      `Content-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  return problem.status;
}
