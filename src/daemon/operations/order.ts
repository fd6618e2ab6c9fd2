import type { OrderService } from '../../core/services/node/order.service.js';
import type { LogRouter } from '../agents/log-router.js';
import type { Handlers } from '../dispatch.js';

const DEFAULT_LINES = 100;

/** What nodes are told to do. */
export function orderHandlers(
  orders: OrderService,
  logs: Pick<LogRouter, 'read'>,
): Pick<
  Handlers,
  'nodes.restart' | 'nodes.drain' | 'nodes.undrain' | 'nodes.logs' | 'nodes.delete'
> {
  return {
    'nodes.restart': ({ node, force = false }) => orders.restart(node, force),
    'nodes.drain': ({ node, reason }) => orders.drain(node, reason),
    'nodes.undrain': ({ node }) => orders.undrain(node),
    'nodes.logs': ({ node, unit = 'agent', lines = DEFAULT_LINES, follow = false }, { signal }) =>
      logs.read(node, { unit, lines, follow }, signal),
    'nodes.delete': ({ node, ifVersion, force = false }) =>
      orders.delete(node, { ifVersion, force }),
  };
}
