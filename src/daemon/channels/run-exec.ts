import type { Wanted } from '../../contract/agent/channel.js';
import type { ExecDesk } from './exec-desk.js';
import type { ChannelReader } from './reader.js';
import type { ChannelRouter, LeaseSession } from './router.js';

import { Bell } from './bell.js';
import { ExecSession } from './exec-session.js';

type ExecWanted = Extract<Wanted, { exec: unknown }>['exec'];

/** What a command says, between the name of its session and its exit code. */
export type ExecItem =
  | { readonly session: string }
  | { readonly stream: 'stdout' | 'stderr'; readonly base64: string }
  | { readonly exitCode: number };

export interface ExecDeps {
  readonly router: ChannelRouter;
  readonly execs: ExecDesk;
  /** Who may write to it. */
  readonly memberId: string;
}

/**
 * Runs a command in the first replica that runs. It ends with whoever reads what it says.
 * @throws {AppError} NODE_OFFLINE, LIMIT_REACHED, INPUT_INVALID; in the middle CONTAINER_NOT_RUNNING, CONTAINER_START_FAILED with its `exitCode`.
 */
export function runExec(
  { router, execs, memberId }: ExecDeps,
  leases: readonly LeaseSession[],
  wanted: ExecWanted,
  signal: AbortSignal,
): AsyncIterable<ExecItem> {
  const lease = leases.find(({ isRunning }) => isRunning) ?? leases[0];
  if (!lease) throw new TypeError('A container without replicas has no channels.');
  const bell = new Bell();
  const { reader, handle } = router.open(lease, { exec: wanted }, memberId, bell.ring);
  if (!handle) throw reader.end?.error ?? new TypeError('What could not be opened says why.');
  const session = new ExecSession(memberId, handle, router.path(lease).chunk);
  reader.onTaken = (count) => session.taken(count);
  const id = execs.add(session);
  const stop = () => {
    execs.remove(id);
    router.shut(reader);
    bell.ring();
  };
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  return itemsOf({ id, reader, bell, signal, stop });
}

async function* itemsOf(running: {
  readonly id: string;
  readonly reader: ChannelReader;
  readonly bell: Bell;
  readonly signal: AbortSignal;
  readonly stop: () => void;
}): AsyncGenerator<ExecItem> {
  const { id, reader, bell, signal, stop } = running;
  try {
    yield { session: id };
    while (!signal.aborted) {
      const chunk = reader.take();
      if (chunk && 'base64' in chunk) yield { stream: chunk.stream, base64: chunk.base64 };
      if (chunk) continue;
      const { end } = reader;
      if (end?.error) throw end.error;
      if (end?.exitCode !== undefined) yield { exitCode: end.exitCode };
      if (end) return;
      await bell.rung();
    }
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}
