import type { NodeStatus } from '../types/models/node.js';

/** What can happen to a node, as far as its status goes. */
export type LifeEvent =
  /** Its stick is being written, for the first time or once more. */
  | 'write'
  | 'written'
  | 'write-failed'
  /** A machine redeemed a token for it; also once more, after its disk was written anew. */
  | 'join'
  | 'reject'
  /** Its agent is connected and finds nothing wrong, or does. */
  | 'healthy'
  | 'ailing'
  /** Nothing was heard from it for a few heartbeats; then for so long that nobody waits for it. */
  | 'silent'
  | 'given-up'
  /** Its machine said that it goes for good. */
  | 'leave'
  | 'retire';

const after: Readonly<Record<NodeStatus, Partial<Readonly<Record<LifeEvent, NodeStatus>>>>> = {
  provisioning: { written: 'provisioned', 'write-failed': 'failed' },
  provisioned: { join: 'joining' },
  joining: {
    join: 'joining',
    reject: 'failed',
    healthy: 'online',
    ailing: 'degraded',
    leave: 'lost',
  },
  online: { join: 'joining', ailing: 'degraded', silent: 'offline', leave: 'lost' },
  degraded: { join: 'joining', healthy: 'online', silent: 'offline', leave: 'lost' },
  offline: {
    join: 'joining',
    healthy: 'online',
    ailing: 'degraded',
    'given-up': 'lost',
    leave: 'lost',
  },
  lost: { join: 'joining', healthy: 'online', ailing: 'degraded' },
  failed: { write: 'provisioning' },
  retired: {},
};

/**
 * The status after something happened, or undefined where it changes nothing: an event that comes late or twice is no fault. Whatever
 * lives can be retired, and nothing comes back from there.
 */
export function nextStatus(status: NodeStatus, event: LifeEvent): NodeStatus | undefined {
  if (event === 'retire') return status === 'retired' ? undefined : 'retired';
  const next = after[status][event];
  return next === status ? undefined : next;
}

/** Seconds between two heartbeats of an agent. */
export const HEARTBEAT_SECONDS = 10;
/** After so many missed heartbeats a node is offline. */
export const MISSED_HEARTBEATS = 3;

const FLAPPING_CONNECTS = 5;
const FLAPPING_WITHIN_MS = 10 * 60_000;

/**
 * Whether a node comes and goes too often to be relied on: it connected five times within ten minutes. It is called degraded then, until
 * it has stayed.
 * @param connects - when it connected lately, in any order.
 */
export function isFlapping(connects: readonly Date[], now: Date): boolean {
  const since = now.getTime() - FLAPPING_WITHIN_MS;
  return connects.filter((at) => at.getTime() > since).length >= FLAPPING_CONNECTS;
}
