import { randomUUID } from 'node:crypto';

import type { Identity } from './compose-identity.js';
import type { DaemonAddress } from '../core/services/node/node.ports.js';
import type { Parts, Stores } from './parts.js';

import { OrderService } from '../core/services/node/order.service.js';
import { AgentService } from '../core/services/node/agent.service.js';
import { NodeTokenRepository } from '../core/storage/postgres/node-token.repository.js';
import { OrderRepository } from '../core/storage/postgres/order.repository.js';
import { AppError } from '../core/types/errors/app-error.js';
import { slept } from '../core/utils/slept.js';
import { HEARTBEAT_SECONDS, MISSED_HEARTBEATS } from '../core/utils/node-life.js';
import { AgentHub } from './agents/agent-hub.js';
import { joinTokens } from './auth/join-tokens.js';
import { signatures } from './auth/signatures.js';
import { agentHandlers } from './operations/agent.js';
import { orderHandlers } from './operations/order.js';
import { nodeTokenHandlers } from './operations/node-token.js';
import { now } from './parts.js';

/** So long a machine has to take its keys away when its node is deleted. */
const LEAVE_MS = 10_000;
const LOOK_MS = 100;

export type Agents = ReturnType<typeof composeAgents>;

/** Everything that is about the machines that are nodes. */
export function composeAgents(
  { config, database, daemonId, log }: Parts,
  stores: Stores,
  identity: Identity,
  address: () => DaemonAddress,
) {
  const store = stores.agents;
  const tokenStore = new NodeTokenRepository(database.db);
  const service = new AgentService({
    store,
    tokenStore,
    owners: identity.members,
    tokens: joinTokens,
    signatures,
    address,
    newId: randomUUID,
    now,
  });
  const { caSha256 } = identity;
  const hub = new AgentHub({
    store,
    log,
    daemonId,
    caSha256,
    now,
    connect: (request) => service.connect(request),
  });
  const orderStore = new OrderRepository(database.db);
  const orders = new OrderService({
    store: orderStore,
    nodes: stores.nodes,
    hasLeft: (id) => leftInTime(orderStore, id),
    now,
  });
  const startedAt = now();
  return {
    hub,
    handlers: {
      ...nodeTokenHandlers(service),
      ...agentHandlers(service, caSha256, now),
      ...orderHandlers(orders),
    },
    tokenRule: {
      any: 'nodes:any',
      find: async (id: string) => {
        const token = await tokenStore.find(id);
        if (token) return { id: token.id, ownerId: token.owner.id };
        throw tokenNotFound(id);
      },
      hidden: tokenNotFound,
    } as const,
    /** Marks what is silent for too long. Agents have the time of a few heartbeats to come back to a daemon that was away. */
    sweep: () =>
      store.sweep({
        offlineSeconds: HEARTBEAT_SECONDS * MISSED_HEARTBEATS,
        lostSeconds: config.get('nodes.lostAfterSeconds'),
        since: startedAt,
      }),
  };
}

/** Whether the machine takes its keys away in time. Asked for again and again, because its agent may be connected to another daemon. */
async function leftInTime(store: OrderRepository, nodeId: string): Promise<boolean> {
  const over = AbortSignal.timeout(LEAVE_MS);
  while (await slept(LOOK_MS, over)) if (!(await store.hasAgent(nodeId))) return true;
  return false;
}

function tokenNotFound(id: string): AppError {
  return new AppError('TOKEN_NOT_FOUND', `There is no node token ${id}.`, { token: id });
}
