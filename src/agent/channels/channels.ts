import type { Chunk, Feed, Opened, Over, ReplicaStats } from '../../contract/agent/channel.js';
import type { ContainerRuntime } from '../../core/services/container/runtime.ports.js';

import { MAX_CHANNELS } from '../../contract/agent/channel.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { ExecChannel } from './exec-channel.js';
import { sendLog } from './log-channel.js';
import { Outlet } from './outlet.js';
import { sendStats } from './stats-channel.js';

const MAX_MESSAGE = 512;

/** What channels need of the rest of the agent. */
export interface ChannelParts {
  /** The container that a lease has in an engine now. */
  readonly replicaOf: (
    lease: string,
  ) =>
    | { readonly runtime: Pick<ContainerRuntime, 'logs' | 'exec'>; readonly containerId: string }
    | undefined;
  /** What it uses now; undefined where it does not run. */
  readonly statsOf: (lease: string) => Promise<ReplicaStats | undefined>;
  /** Says it to the daemon, over the connection that these are the channels of. */
  readonly send: (frame: { readonly chunk: Chunk } | { readonly over: Over }) => void;
  /** Resolves when the connection has room for another chunk, see `roomIn`. */
  readonly room: () => Promise<void>;
  readonly log: { error(text: string, details: { readonly reason: string }): void };
}

type Ending = Omit<Over, 'id'>;

interface Channel {
  readonly outlet: Outlet;
  exec?: ExecChannel;
}

/** The channels of one connection to the daemon: logs, commands and stats of the replicas on this node. Nothing in it throws. */
export class Channels {
  readonly #parts: ChannelParts;
  readonly #open = new Map<string, Channel>();

  constructor(parts: ChannelParts) {
    this.#parts = parts;
  }

  open(opened: Opened): void {
    const { id } = opened;
    if (this.#open.has(id)) return;
    if (this.#open.size >= MAX_CHANNELS) {
      const message = `${MAX_CHANNELS} channels of this node are open already.`;
      return this.#parts.send({ over: { id, code: 'LIMIT_REACHED', message } });
    }
    const channel = { outlet: new Outlet(opened, this.#parts.send, this.#parts.room) };
    this.#open.set(id, channel);
    void this.#serve(channel, opened);
  }

  credit({ id, bytes }: { readonly id: string; readonly bytes: number }): void {
    this.#open.get(id)?.outlet.grant(bytes);
  }

  feed(feed: Feed): void {
    try {
      this.#open.get(feed.id)?.exec?.feed(feed);
    } catch (error) {
      this.#end(feed.id, this.#failure(error));
    }
  }

  shut({ id }: { readonly id: string }): void {
    this.#end(id, {});
  }

  /** The connection has ended: so do the commands that ran over it. */
  closeAll(): void {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const { outlet } of open) outlet.close();
  }

  async #serve(channel: Channel, opened: Opened): Promise<void> {
    let ending: Ending;
    try {
      ending = (await this.#served(channel, opened)) ?? {};
    } catch (error) {
      ending = this.#failure(error);
    }
    // One that was shut has had its last word.
    if (this.#open.get(opened.id) === channel) this.#end(opened.id, ending);
  }

  async #served(channel: Channel, { lease, wanted }: Opened): Promise<Ending | void> {
    const { replicaOf, statsOf } = this.#parts;
    const { outlet } = channel;
    const replica = replicaOf(lease);
    if (!replica) {
      throw new AppError('CONTAINER_NOT_RUNNING', 'This replica has no container on its node.');
    }
    if ('logs' in wanted) return sendLog(replica, wanted.logs, outlet);
    if ('stats' in wanted) return sendStats(() => statsOf(lease), wanted.stats, outlet);
    channel.exec = new ExecChannel(replica, wanted.exec, outlet);
    return channel.exec.run();
  }

  #end(id: string, ending: Ending): void {
    const channel = this.#open.get(id);
    if (!channel) return;
    this.#open.delete(id);
    channel.outlet.close();
    this.#parts.send({ over: { id, ...ending } });
  }

  #failure(error: unknown): Ending {
    if (error instanceof AppError) {
      const { code, message, details } = error;
      const { exitCode } = details;
      const isExit = typeof exitCode === 'number' && exitCode >= 0 && exitCode <= 255;
      return { code, message: message.slice(0, MAX_MESSAGE), ...(isExit ? { exitCode } : {}) };
    }
    this.#parts.log.error('a channel hit a bug', { reason: String(error) });
    return { code: 'INTERNAL', message: 'The agent hit a bug.' };
  }
}
