import type { Chunk, Feed, Opened, Over } from '../../contract/agent/channel.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { isErrorCode } from '../../core/types/errors/codes.js';

/** The last word of a channel: a command's exit code, or why there is no more. */
export interface ChannelEnd {
  readonly exitCode?: number;
  readonly error?: AppError;
}

/** Whoever reads a channel. Is told nothing more after `over`. */
export interface ChannelSink {
  chunk(chunk: Chunk): void;
  over(end: ChannelEnd): void;
}

/** What a reader does with a channel that is open. */
export interface ChannelHandle {
  /** It has read so much, and takes as much more. */
  credit(bytes: number): void;
  /** Whoever calls knows that there is room, see `MAX_AHEAD`. */
  feed(feed: Omit<Feed, 'id'>): void;
  /** It reads no more. */
  shut(): void;
}

/** Opens a channel at a connection of an agent, for a member. @throws {AppError} NODE_OFFLINE, LIMIT_REACHED. */
export type OpenChannel = (opened: Opened, sink: ChannelSink, memberId: string) => ChannelHandle;

/** The end as an agent says it. */
export function endOf({ exitCode, code, message = 'The node says no more.' }: Omit<Over, 'id'>) {
  const exit = exitCode === undefined ? {} : { exitCode };
  if (code === undefined) return exit;
  // A newer agent may know more codes.
  const known = isErrorCode(code) ? code : 'INTERNAL';
  return { ...exit, error: new AppError(known, message, exit) };
}
