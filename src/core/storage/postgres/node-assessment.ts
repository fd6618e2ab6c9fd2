import type { Transaction } from 'kysely';

import type { NodeRow } from './node.rows.js';

import { ailmentReason, knownAilments } from '../../utils/node-ailments.js';
import { isFlapping } from '../../utils/node-life.js';
import { moveNode } from './node-status.js';

/** What decides whether a connected node is well. */
export interface Assessed {
  readonly node_id: string;
  readonly connects: readonly Date[];
  readonly ailments: readonly string[];
  readonly now: Date;
}

/** Calls a connected node online, or degraded with what is wrong with it. */
export function assess(
  tx: Transaction<unknown>,
  { node_id, connects, ailments, now }: Assessed,
): Promise<NodeRow> {
  const isRestless = isFlapping(connects, now);
  const reason = [
    isRestless ? `It comes and goes: it connected ${connects.length} times lately.` : '',
    ailmentReason(knownAilments(ailments)),
  ].join(' ');
  return moveNode(tx, node_id, reason.trim() === '' ? 'healthy' : 'ailing', {
    reason: reason.trim() || null,
  });
}
