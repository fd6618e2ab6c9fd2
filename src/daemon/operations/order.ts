import type { OrderService } from '../../core/services/node/order.service.js';
import type { Handlers } from '../dispatch.js';

/** What nodes are told to do. */
export function orderHandlers(
  orders: OrderService,
): Pick<Handlers, 'nodes.restart' | 'nodes.drain' | 'nodes.undrain' | 'nodes.delete'> {
  return {
    'nodes.restart': ({ node, force = false }) => orders.restart(node, force),
    'nodes.drain': ({ node, reason }) => orders.drain(node, reason),
    'nodes.undrain': ({ node }) => orders.undrain(node),
    'nodes.delete': ({ node, ifVersion, force = false }) =>
      orders.delete(node, { ifVersion, force }),
  };
}
