import type { MonitorService } from '../../core/services/node/monitor.service.js';
import type { Handlers } from '../dispatch.js';

import { decodeCursor, encodeCursor } from '../page-cursor.js';

const DEFAULT_LIMIT = 100;
const DEFAULT_SINCE_SECONDS = 3_600;

/** How nodes fare: from the contract to the rules and back. */
export function monitorHandlers(
  monitor: MonitorService,
): Pick<Handlers, 'nodes.get' | 'nodes.samples' | 'nodes.health'> {
  return {
    'nodes.get': ({ node }) => monitor.details(node),
    'nodes.samples': ({ node, sinceSeconds = DEFAULT_SINCE_SECONDS }) =>
      monitor.history(node, sinceSeconds),
    'nodes.health': async ({ node, cursor, limit = DEFAULT_LIMIT }) => {
      if (node !== undefined) return { nodes: [await monitor.healthOf(node)] };
      const page = await monitor.health({
        ...(cursor === undefined ? {} : { after: decodeCursor(cursor) }),
        limit: limit + 1,
      });
      const shown = page.slice(0, limit);
      const last = shown.at(-1);
      return {
        nodes: shown,
        ...(page.length > limit && last ? { nextCursor: encodeCursor(last.name) } : {}),
      };
    },
  };
}
