import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { Duplex } from 'node:stream';

import { WebSocketServer } from 'ws';

import type { Dispatch } from '../../dispatch.js';
import type { Subject } from '../../subject.js';
import type { Entrance } from '../rest/entrance.js';
import type { UpgradeHandler } from '../upgrades.js';

import { AppError } from '../../../core/types/errors/app-error.js';
import { Connection } from './connection.js';

export const WEBSOCKET_PATH = '/v1/ws';
const MAX_FRAME_BYTES = 64 << 10;
const MAX_CONNECTIONS = 5_000;

export interface WebSocketOptions {
  readonly dispatch: Dispatch;
  readonly entrance: Entrance;
  readonly log: Logger;
}

export interface WebSocketTransport {
  readonly upgrade: UpgradeHandler;
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
  return {
    async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, source: string) {
      const { subject, identify } = await admitted(options, request, connections.size);
      server.handleUpgrade(request, socket, head, (client) => {
        const { dispatch, log } = options;
        const connection = new Connection(client, { dispatch, log, source, identify }, subject);
        connections.add(connection);
        client.on('close', () => connections.delete(connection));
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

async function admitted(
  { entrance }: WebSocketOptions,
  request: IncomingMessage,
  open: number,
): Promise<{
  readonly subject: Subject | undefined;
  readonly identify: (token: string | undefined) => Subject | Promise<Subject>;
}> {
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
