import type { FastifyInstance } from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';

import type { Config } from '../core/config/load.js';
import type { PrivateKey } from '../core/storage/postgres/key.repository.js';
import type { Authenticator } from './auth/authenticator.js';
import type { Dispatch } from './dispatch.js';
import type { Limits } from './limits/policy.js';
import type { HttpMetrics } from './observability/http-metrics.js';

import { AGENT_PATH } from '../contract/agent/protocol.js';
import { type Listening, listenOnAddress, planApi, tlsOptions } from './transports/api-listener.js';
import { sourceOf } from './transports/proxies.js';
import { type Entrance, localEntrance, remoteEntrance } from './transports/rest/entrance.js';
import type { ServedReleases } from './transports/rest/releases.js';
import { createRestServer } from './transports/rest/server.js';
import { serveUpgrades, type UpgradeHandler } from './transports/upgrades.js';
import {
  createWebSocketTransport,
  WEBSOCKET_PATH,
  type WebSocketTransport,
} from './transports/websocket/server.js';

type SourceOf = (request: IncomingMessage) => string;

/** A client that does not read its answer must not keep a stopping daemon. */
const CLOSE_TIMEOUT_MS = 5_000;
const MAX_LOCAL_CONNECTIONS = 256;
const MAX_REMOTE_CONNECTIONS = 8_192;

/** The way in for agents. */
export interface AgentDoor {
  /** Takes over their connections. */
  readonly upgrade: UpgradeHandler;
  /** Told where they are served, once they are. */
  readonly onListening: (listening: Listening) => void;
  /** What machines become nodes with. */
  readonly releases: ServedReleases;
}

interface TransportParts {
  readonly config: Config;
  readonly log: Logger;
  readonly dispatch: Dispatch;
  readonly limits: Limits;
  readonly authenticator: Authenticator;
  /** The grid's certificate authority, asked for only where a certificate is to be issued. */
  readonly authority: () => Promise<PrivateKey>;
  readonly agents: AgentDoor;
  readonly stopping: AbortSignal;
  readonly http: HttpMetrics;
}

/** The ways in: the local socket, which the caller opens, and, if there is to be one, the listener for members elsewhere. */
export async function composeTransports(parts: TransportParts) {
  const { config, log, dispatch, limits, authenticator, stopping, http } = parts;
  const localDoor = localEntrance((as) => authenticator.local(as));
  const local = createRestServer({
    dispatch,
    entrance: localDoor,
    log,
    sourceOf: () => 'socket',
    maxConnections: MAX_LOCAL_CONNECTIONS,
    observe: http.observe,
    stopping,
  });
  const sockets = [webSocket(parts, localDoor, local, () => 'socket')];
  const servers = [local];
  const plan = await planApi(config, parts.authority);
  let listening: Awaited<ReturnType<typeof listenOnAddress>> | undefined;
  if (plan) {
    const from: SourceOf = (request) => sourceOf(request, plan.isProxy);
    const door = remoteEntrance({
      authenticate: (authorization) => authenticator.authenticate(authorization),
      again: (authorization, subject) => authenticator.again(authorization, subject),
      ...plan,
    });
    const remote = createRestServer({
      dispatch,
      entrance: door,
      log,
      sourceOf: from,
      limitAddress: limits.address,
      releases: parts.agents.releases,
      ...tlsOptions(plan),
      maxConnections: MAX_REMOTE_CONNECTIONS,
      observe: http.observe,
      stopping,
    });
    sockets.push(
      webSocket(parts, door, remote, from, {
        limitAddress: limits.address,
        agents: parts.agents.upgrade,
      }),
    );
    servers.push(remote);
    listening = await listenOnAddress(remote, plan);
    if (plan.identity) parts.agents.onListening(listening.listening);
  }
  return {
    local,
    api: listening?.facts,
    connections: () => sockets.reduce((sum, { connections }) => sum + connections, 0),
    /** Tells everyone who listens that they should go on elsewhere, and from where. */
    endStreams: () => {
      for (const socket of sockets) socket.stop();
    },
    close: async () => {
      listening?.close();
      await Promise.all(servers.map(closeServer));
    },
  };
}

/** What a server upgrades to: members on both, agents where other machines come in. */
function webSocket(
  { dispatch, log, http }: TransportParts,
  entrance: Entrance,
  app: FastifyInstance,
  from: SourceOf,
  remote?: { readonly limitAddress: Limits['address']; readonly agents: UpgradeHandler },
): WebSocketTransport {
  const transport = createWebSocketTransport({ dispatch, entrance, log });
  serveUpgrades(app.server, {
    entrance,
    log,
    sourceOf: from,
    ...(remote ? { limitAddress: remote.limitAddress } : {}),
    handlers: {
      [WEBSOCKET_PATH]: transport.upgrade,
      ...(remote ? { [AGENT_PATH]: remote.agents } : {}),
    },
    onUpgrade: (path, status) => http.count('GET', path, status),
  });
  return transport;
}

/** Lets answers that are under way be sent, a bounded time. */
async function closeServer(rest: FastifyInstance): Promise<void> {
  const force = setTimeout(() => rest.server.closeAllConnections(), CLOSE_TIMEOUT_MS);
  await rest.close();
  clearTimeout(force);
}
