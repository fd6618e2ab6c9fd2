import type { Wanted } from '../../contract/agent/channel.js';
import type { ChannelsOf, LeaseSession } from './router.js';
import type { LogLine } from './log-merge.js';

import { Bell } from './bell.js';
import { LogMerge } from './log-merge.js';
import { LogSourceOfReplica } from './log-source.js';

type LogsWanted = Extract<Wanted, { logs: unknown }>['logs'];

/** Lines of one replica, or why nothing more comes of it. */
export type LogItem =
  | { readonly replica: number; readonly node: string; readonly lines: readonly LogLine[] }
  | { readonly replica: number; readonly node: string; readonly missing: string };

/**
 * The logs of replicas, merged by time, until they end or the signal aborts. One that cannot be read is said to be missing, and the others go on.
 * @throws {AppError} of the only one: NODE_OFFLINE, CONTAINER_NOT_RUNNING, LIMIT_REACHED; also in the middle.
 */
export function readLogs(
  { router, memberId }: ChannelsOf,
  leases: readonly LeaseSession[],
  wanted: LogsWanted,
  signal: AbortSignal,
): AsyncIterable<LogItem> {
  const bell = new Bell();
  const sources = leases.map((lease) => {
    const { reader } = router.open(lease, { logs: wanted }, memberId, bell.ring);
    return new LogSourceOfReplica(lease, reader);
  });
  const stop = () => {
    for (const { reader } of sources) router.shut(reader);
    bell.ring();
  };
  const [only] = sources;
  const refused = sources.length === 1 ? only?.reader.end?.error : undefined;
  if (refused) throw refused;
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  return itemsOf(sources, bell, signal, stop);
}

async function* itemsOf(
  sources: readonly LogSourceOfReplica[],
  bell: Bell,
  signal: AbortSignal,
  stop: () => void,
): AsyncGenerator<LogItem> {
  const merge = new LogMerge(sources);
  try {
    while (!signal.aborted) {
      for (let next = merge.next(); next; next = merge.next()) {
        const { lease } = next.source;
        yield { replica: lease.replica, node: lease.node.name, lines: next.lines };
        if (signal.aborted) return;
      }
      yield* endsOf(sources);
      if (sources.every(({ isTold }) => isTold)) return;
      await bell.rung();
    }
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

/** Of each that has ended, once. A failure of the only one is that of all. @throws {AppError}. */
function* endsOf(sources: readonly LogSourceOfReplica[]): Generator<LogItem> {
  for (const source of sources) {
    const { end } = source.reader;
    if (source.isTold || !end) continue;
    source.isTold = true;
    if (!end.error) continue;
    if (sources.length === 1) throw end.error;
    const { replica, node } = source.lease;
    yield { replica, node: node.name, missing: end.error.message };
  }
}
