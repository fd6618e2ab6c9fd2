import type { Chunk, Feed, Opened, Over } from '../../contract/agent/channel.js';
import type { ChannelHandle, ChannelSink } from './channel.js';

import { costOf, MAX_AHEAD, MAX_CHANNELS } from '../../contract/agent/channel.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { endOf } from './channel.js';
import { Shares } from './shares.js';

/** What a daemon says of channels. */
export type ChannelRequest =
  | { readonly open: Opened }
  | { readonly credit: { readonly id: string; readonly bytes: number } }
  | { readonly feed: Feed }
  | { readonly shut: { readonly id: string } };

interface Open {
  readonly memberId: string;
  /** Absent: it was shut, and its last word is still owed. */
  sink: ChannelSink | undefined;
  credit: number;
  /** Feeds that have not been taken. */
  ahead: number;
}

/** The channels over one agent's connection, and what the agent owes on each. */
export class ChannelDesk {
  readonly #send: (frame: ChannelRequest) => void;
  readonly #open = new Map<string, Open>();
  readonly #shares = new Shares(MAX_CHANNELS);
  #isClosed = false;

  constructor(send: (frame: ChannelRequest) => void) {
    this.#send = send;
  }

  /** @throws {AppError} NODE_OFFLINE, LIMIT_REACHED. */
  open(opened: Opened, sink: ChannelSink, memberId: string): ChannelHandle {
    if (this.#isClosed) throw gone();
    if (!this.#shares.take(memberId)) {
      throw new AppError(
        'LIMIT_REACHED',
        `A node has ${MAX_CHANNELS} logs, commands and stats read at once, and half of them are for whoever reads few: yours are used up.`,
      );
    }
    const { id, credit } = opened;
    const open: Open = { memberId, sink, credit, ahead: 0 };
    this.#open.set(id, open);
    this.#send({ open: opened });
    return {
      credit: (bytes) => {
        if (!open.sink) return;
        open.credit += bytes;
        this.#send({ credit: { id, bytes } });
      },
      feed: (feed) => {
        if (!open.sink) return;
        if (open.ahead >= MAX_AHEAD) throw new TypeError('More is fed than there is room for.');
        open.ahead += 1;
        this.#send({ feed: { id, ...feed } });
      },
      shut: () => {
        if (!open.sink) return;
        open.sink = undefined;
        this.#send({ shut: { id } });
      },
    };
  }

  /** Whether the agent may say that. What nobody reads any more is no fault of the agent's, as long as it was owed. */
  receive(frame: { readonly chunk: Chunk } | { readonly over: Over }): boolean {
    return 'chunk' in frame ? this.#chunk(frame.chunk) : this.#over(frame.over);
  }

  /** The connection is over. */
  close(): void {
    this.#isClosed = true;
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const channel of open) {
      const { sink } = channel;
      channel.sink = undefined;
      sink?.over({ error: gone() });
    }
  }

  #chunk(chunk: Chunk): boolean {
    const open = this.#open.get(chunk.id);
    if (!open) return false;
    if ('taken' in chunk) {
      if (chunk.taken > open.ahead) return false;
      open.ahead -= chunk.taken;
    } else {
      if (open.credit <= 0) return false;
      open.credit -= costOf(chunk);
    }
    open.sink?.chunk(chunk);
    return true;
  }

  #over({ id, ...said }: Over): boolean {
    const open = this.#open.get(id);
    if (!open) return false;
    this.#open.delete(id);
    this.#shares.give(open.memberId);
    const { sink } = open;
    open.sink = undefined;
    sink?.over(endOf(said));
    return true;
  }
}

function gone(): AppError {
  return new AppError('NODE_OFFLINE', 'The connection to the node has ended.');
}
