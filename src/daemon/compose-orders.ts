import type { AgentHub } from './agents/agent-hub.js';
import type { Parts, Stores } from './parts.js';

import { OrderService } from '../core/services/node/order.service.js';
import { notify } from '../core/storage/postgres/notify.js';
import { OrderRepository } from '../core/storage/postgres/order.repository.js';
import { slept } from '../core/utils/slept.js';
import { LogRelay, type LogRelayDeps } from './agents/log-relay.js';
import { LogRouter } from './agents/log-router.js';
import { orderHandlers } from './operations/order.js';
import { now } from './parts.js';

/** So long a machine has to take its keys away when its node is deleted. */
const LEAVE_MS = 10_000;
const LOOK_MS = 100;

/** What nodes are told and asked, over this daemon or another. */
export function composeOrders(
  { database, daemonId, log }: Parts,
  stores: Stores,
  hub: Pick<AgentHub, 'readLog'>,
) {
  const store = new OrderRepository(database.db);
  const orders = new OrderService({
    store,
    nodes: stores.nodes,
    hasLeft: (id) => leftInTime(store, id),
    now,
  });
  const here: LogRelayDeps['here'] = (...asked) => hub.readLog(...asked);
  const relay = new LogRelay({
    daemonId,
    log,
    here,
    send: (id, text) => notify(database.pool, mailbox(id), text),
  });
  const logs = new LogRouter({
    session: (ref) => store.session(ref),
    daemonId,
    here,
    elsewhere: (...asked) => relay.read(...asked),
  });
  return {
    handlers: orderHandlers(orders, logs),
    receive: (text: string | undefined) => relay.receive(text),
    close: () => relay.close(),
  };
}

/** The channel on which the other daemons of the grid write to one. */
export function mailbox(daemonId: string): string {
  return `syntropy_daemon_${daemonId}`;
}

/** Whether the machine takes its keys away in time. Asked for again and again, because its agent may be connected to another daemon. */
async function leftInTime(store: OrderRepository, nodeId: string): Promise<boolean> {
  const over = AbortSignal.timeout(LEAVE_MS);
  while (await slept(LOOK_MS, over)) if (!(await store.hasAgent(nodeId))) return true;
  return false;
}
