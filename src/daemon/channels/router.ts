import { randomUUID } from 'node:crypto';

import type { Opened, Wanted } from '../../contract/agent/channel.js';
import type { Named } from '../../core/types/models/member.js';
import type { ChannelHandle, ChannelSink, OpenChannel } from './channel.js';

import { CHANNEL_WINDOW, MAX_CHUNK } from '../../contract/agent/channel.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { RELAYED } from './relay.js';
import { ChannelReader } from './reader.js';

/** A replica's place, and the connection that its node has now. */
export interface LeaseSession {
  readonly lease: string;
  readonly replica: number;
  readonly node: Named;
  /** Whether its node says that it runs. */
  readonly isRunning: boolean;
  /** Absent: the node is not connected. */
  readonly connection?: { readonly sessionId: string; readonly daemonId: string };
}

/** Where replicas are, as the database knows. Implemented by core/storage/postgres/channel.repository.ts. */
export interface ChannelStore {
  /** Those that have a place, in their order. @throws {AppError} CONTAINER_NOT_FOUND. */
  leaseSessions(container: string, replica?: number): Promise<readonly LeaseSession[]>;
}

export interface ChannelRouterDeps {
  readonly store: ChannelStore;
  readonly daemonId: string;
  /** At an agent that is connected here. @throws {AppError} NODE_OFFLINE. */
  readonly here: (sessionId: string) => { readonly open: OpenChannel };
  /** At an agent that is connected to another daemon. */
  readonly elsewhere: (
    daemonId: string,
    sessionId: string,
    opened: Opened,
    sink: ChannelSink,
    memberId: string,
  ) => ChannelHandle;
}

/** What one path bears: how much may be under way, and in one piece. */
export interface ChannelPath {
  readonly window: number;
  readonly chunk: number;
  /** Bytes of the question itself. */
  readonly question: number;
}

/** Frames to an agent are of 256 KiB at most, with what is around the question. */
const HERE: ChannelPath = { window: CHANNEL_WINDOW, chunk: MAX_CHUNK, question: 240 << 10 };

/** The way to replicas, and who goes it. */
export interface ChannelsOf {
  readonly router: ChannelRouter;
  readonly memberId: string;
}

/** Opens channels to replicas, whichever daemon their nodes are connected to. */
export class ChannelRouter {
  readonly #deps: ChannelRouterDeps;
  readonly #open = new Set<ChannelReader>();

  constructor(deps: ChannelRouterDeps) {
    this.#deps = deps;
  }

  /** The replicas of a container that have a place: all, or one of them. @throws {AppError} CONTAINER_NOT_FOUND, REPLICA_NOT_FOUND, CONTAINER_NOT_RUNNING. */
  async replicas(container: string, replica?: number): Promise<readonly LeaseSession[]> {
    const leases = await this.#deps.store.leaseSessions(container, replica);
    if (leases.length > 0) return leases;
    if (replica !== undefined && (await this.#deps.store.leaseSessions(container)).length > 0) {
      throw new AppError('REPLICA_NOT_FOUND', `There is no replica ${replica} of it.`, { replica });
    }
    throw new AppError('CONTAINER_NOT_RUNNING', 'No replica of it has a place.');
  }

  /** What lies between this daemon and the node of a replica. */
  path({ connection }: LeaseSession): ChannelPath {
    return connection?.daemonId === this.#deps.daemonId ? HERE : RELAYED;
  }

  /** Begins to read from a replica, for a member. A node that cannot be asked is told by the reader's end. @throws {AppError} INPUT_INVALID, of too long a command. */
  open(
    session: LeaseSession,
    wanted: Wanted,
    memberId: string,
    onChange: () => void,
  ): { readonly reader: ChannelReader; readonly handle: ChannelHandle | undefined } {
    const { window, chunk, question } = this.path(session);
    const reader = new ChannelReader(window, onChange);
    const opened = { id: randomUUID(), lease: session.lease, wanted, credit: window, chunk };
    if (Buffer.byteLength(JSON.stringify(wanted)) > question) {
      const why = `The command and its environment take more than ${question} bytes.`;
      throw new AppError('INPUT_INVALID', why, { field: 'command' });
    }
    try {
      const handle = this.#opened(session, opened, reader, memberId);
      this.#open.add(reader);
      reader.begin(handle);
      return { reader, handle };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      reader.over({ error });
      return { reader, handle: undefined };
    }
  }

  /** The reader has no more use for it. */
  shut(reader: ChannelReader): void {
    this.#open.delete(reader);
    reader.shut();
  }

  /** The daemon stops: every reader hears the end, and goes on elsewhere. */
  close(): void {
    for (const reader of this.#open) reader.over({});
    this.#open.clear();
  }

  #opened(
    { connection, node }: LeaseSession,
    opened: Opened,
    sink: ChannelSink,
    memberId: string,
  ): ChannelHandle {
    if (!connection) {
      throw new AppError('NODE_OFFLINE', `Node "${node.name}" is not connected.`);
    }
    const { daemonId, sessionId } = connection;
    if (daemonId === this.#deps.daemonId)
      return this.#deps.here(sessionId).open(opened, sink, memberId);
    return this.#deps.elsewhere(daemonId, sessionId, opened, sink, memberId);
  }
}
