import type { ReplicaStats } from '../../contract/agent/channel.js';
import type { ChannelReader } from './reader.js';
import type { ChannelsOf, LeaseSession } from './router.js';

import { Bell } from './bell.js';

/** What one replica uses. */
export type StatsItem = ReplicaStats & { readonly replica: number; readonly node: string };

/**
 * What replicas use, once or each second, until the signal aborts. Those that do not run say nothing.
 * @throws {AppError} when none of them does: CONTAINER_NOT_RUNNING, NODE_OFFLINE, LIMIT_REACHED.
 */
export function followStats(
  { router, memberId }: ChannelsOf,
  leases: readonly LeaseSession[],
  once: boolean,
  signal: AbortSignal,
): AsyncIterable<StatsItem> {
  const bell = new Bell();
  const readers = leases.map((lease) => ({
    lease,
    reader: router.open(lease, { stats: { once } }, memberId, bell.ring).reader,
  }));
  const stop = () => {
    for (const { reader } of readers) router.shut(reader);
    bell.ring();
  };
  const refused = failureOf(readers.map(({ reader }) => reader));
  if (refused) throw refused;
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  return itemsOf(readers, bell, signal, stop);
}

async function* itemsOf(
  readers: readonly { readonly lease: LeaseSession; readonly reader: ChannelReader }[],
  bell: Bell,
  signal: AbortSignal,
  stop: () => void,
): AsyncGenerator<StatsItem> {
  const all = readers.map(({ reader }) => reader);
  try {
    while (!signal.aborted) {
      for (const { lease, reader } of readers) {
        for (let chunk = reader.take(); chunk; chunk = reader.take()) {
          if ('stats' in chunk) {
            yield { replica: lease.replica, node: lease.node.name, ...chunk.stats };
          }
        }
      }
      const failure = failureOf(all);
      if (failure) throw failure;
      if (all.every(({ end }) => end)) return;
      await bell.rung();
    }
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

/** Why none of them says anything; undefined while one does, or has come to a good end. */
function failureOf(readers: readonly ChannelReader[]) {
  const errors = readers.map(({ end }) => end?.error);
  return errors.every((error) => error !== undefined) ? errors[0] : undefined;
}
