import type { Logger } from 'pino';

import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';

import type { Feed, Opened } from '../../contract/agent/channel.js';
import type { ChannelEnd, ChannelHandle, ChannelSink, OpenChannel } from './channel.js';
import type { Post } from './post.js';

import {
  ChunkFrame,
  CreditFrame,
  FeedFrame,
  OpenFrame,
  OverFrame,
  ShutFrame,
} from '../../contract/agent/channel.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { endOf } from './channel.js';

/** A letter takes 7,900 bytes: 4,096 become 5,464 as base64, and what is around them is less than 500. The window is what may be under way for one reader. */
export const RELAYED = { window: 128 << 10, chunk: 4_096, question: 7_000 };

const ALIVE_MS = 10_000;
const SILENCE_MS = 3 * ALIVE_MS;
const MAX_CHANNELS = 256;

const exact = { additionalProperties: false };
const Id = Type.String({ maxLength: 64 });
const Mark = Type.Object({ id: Id }, exact);

/** What two daemons tell each other of one channel: frames as an agent has them, and that they are still there. */
const Said = Type.Union([
  Type.Object({ ...OpenFrame.properties, sessionId: Id, memberId: Id }, exact),
  CreditFrame,
  FeedFrame,
  ShutFrame,
  ChunkFrame,
  OverFrame,
  Type.Object({ alive: Mark }, exact),
  Type.Object({ lives: Mark }, exact),
]);
type Said = Static<typeof Said>;

/** Letters of one channel are numbered in each direction: one that is lost ends it, for nothing may be missing in silence. */
const Letter = Type.Object(
  { from: Id, n: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }), said: Said },
  exact,
);
const letterCheck = Compile(Letter);

interface Side {
  readonly peer: string;
  sent: number;
  received: number;
  heardAt: number;
}

interface Read extends Side {
  readonly sink: ChannelSink;
}

interface Served extends Side {
  handle: ChannelHandle | undefined;
}

export interface ChannelRelayDeps {
  readonly daemonId: string;
  readonly log: Logger;
  readonly post: Pick<Post, 'send'>;
  /** At an agent that is connected here. @throws {AppError} NODE_OFFLINE. */
  readonly here: (sessionId: string) => { readonly open: OpenChannel };
}

/** Opens channels at agents that are connected to another daemon of the grid, and lets others open them at those that are connected here. */
export class ChannelRelay {
  readonly #deps: ChannelRelayDeps;
  readonly #read = new Map<string, Read>();
  readonly #served = new Map<string, Served>();
  readonly #timer: NodeJS.Timeout;

  constructor(deps: ChannelRelayDeps) {
    this.#deps = deps;
    this.#timer = setInterval(() => this.#look(), ALIVE_MS);
    this.#timer.unref();
  }

  /** @throws {AppError} LIMIT_REACHED. */
  open(
    daemonId: string,
    sessionId: string,
    opened: Opened,
    sink: ChannelSink,
    memberId: string,
  ): ChannelHandle {
    if (this.#read.size >= MAX_CHANNELS) throw tooMany();
    const { id } = opened;
    const read: Read = { ...side(daemonId), sink };
    this.#read.set(id, read);
    this.#say(read, { open: opened, sessionId, memberId });
    const say = (said: Said) => {
      if (this.#read.get(id) === read) this.#say(read, said);
    };
    return {
      credit: (bytes) => say({ credit: { id, bytes } }),
      feed: (feed) => say({ feed: { id, ...feed } }),
      shut: () => {
        say({ shut: { id } });
        if (this.#read.get(id) === read) this.#read.delete(id);
      },
    };
  }

  /** What another daemon has said. */
  receive(letter: unknown): void {
    if (!letterCheck.Check(letter)) return;
    const { from, n, said } = letter;
    if ('open' in said) return this.#serve(from, said);
    if ('chunk' in said || 'over' in said || 'lives' in said) return this.#heard(n, said);
    const id = idOf(said);
    const served = this.#served.get(id);
    // It has said so when it ended, which may be what was lost.
    if (!served) return 'alive' in said ? this.#tellUnknown(from, id) : undefined;
    if (!isNext(served, n)) return this.#endServed(id, lost());
    if ('alive' in said) this.#say(served, { lives: { id } });
    else if ('credit' in said) served.handle?.credit(said.credit.bytes);
    else if ('feed' in said) this.#feed(id, served, said.feed);
    else this.#stopServing(id);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const id of this.#served.keys()) this.#stopServing(id);
  }

  #serve(
    from: string,
    { open: opened, sessionId, memberId }: Extract<Said, { open: unknown }>,
  ): void {
    const { id } = opened;
    if (this.#served.has(id)) return;
    const served: Served = { ...side(from), handle: undefined, received: 1 };
    this.#served.set(id, served);
    try {
      if (this.#served.size > MAX_CHANNELS) throw tooMany();
      const sink: ChannelSink = {
        chunk: (chunk) => {
          if (this.#served.get(id) === served) this.#say(served, { chunk });
        },
        over: (end) => this.#endServed(id, end),
      };
      served.handle = this.#deps.here(sessionId).open(opened, sink, memberId);
    } catch (error) {
      if (!(error instanceof AppError)) this.#deps.log.error({ err: error }, 'bug');
      const told = error instanceof AppError ? error : new AppError('INTERNAL', 'It hit a bug.');
      this.#endServed(id, { error: told });
    }
  }

  #heard(
    n: number,
    said: Extract<Said, { chunk: unknown } | { over: unknown } | { lives: unknown }>,
  ) {
    const id = idOf(said);
    const read = this.#read.get(id);
    if (!read) return;
    if ('over' in said && n === 0) return this.#endRead(id, endOf(said.over));
    if (!isNext(read, n)) {
      this.#say(read, { shut: { id } });
      return this.#endRead(id, lost());
    }
    if ('chunk' in said) read.sink.chunk(said.chunk);
    else if ('over' in said) this.#endRead(id, endOf(said.over));
  }

  #feed(id: string, served: Served, feed: Feed) {
    try {
      served.handle?.feed(feed);
    } catch {
      this.#endServed(id, { error: new AppError('LIMIT_REACHED', 'It was fed too much at once.') });
      served.handle?.shut();
    }
  }

  #tellUnknown(from: string, id: string): void {
    const said = { over: { id, code: 'NODE_OFFLINE', message: 'It has ended.' } };
    this.#deps.post.send(from, { from: this.#deps.daemonId, n: 0, said });
  }

  /** A daemon that was killed says no good-bye. */
  #look(): void {
    const since = performance.now() - SILENCE_MS;
    for (const [id, { heardAt }] of this.#served) if (heardAt < since) this.#stopServing(id);
    for (const [id, read] of this.#read) {
      if (read.heardAt < since) {
        const error = new AppError('TIMED_OUT', 'The daemon of the node has fallen silent.');
        this.#endRead(id, { error });
      } else {
        this.#say(read, { alive: { id } });
      }
    }
  }

  #endRead(id: string, end: ChannelEnd): void {
    const read = this.#read.get(id);
    this.#read.delete(id);
    read?.sink.over(end);
  }

  /** Says that it is over, and why. */
  #endServed(id: string, { exitCode, error }: ChannelEnd): void {
    const served = this.#served.get(id);
    if (!served) return;
    this.#served.delete(id);
    this.#say(served, {
      over: {
        id,
        ...(exitCode === undefined ? {} : { exitCode }),
        ...(error && { code: error.code, message: error.message.slice(0, 512) }),
      },
    });
  }

  #stopServing(id: string): void {
    const served = this.#served.get(id);
    this.#served.delete(id);
    served?.handle?.shut();
  }

  #say(to: Side, said: Said): void {
    to.sent += 1;
    this.#deps.post.send(to.peer, { from: this.#deps.daemonId, n: to.sent, said });
  }
}

function side(peer: string): Side {
  return { peer, sent: 0, received: 0, heardAt: performance.now() };
}

function isNext(of: Side, n: number): boolean {
  of.heardAt = performance.now();
  if (n !== of.received + 1) return false;
  of.received = n;
  return true;
}

function idOf(said: Exclude<Said, { open: unknown }>): string {
  const [of] = Object.values(said);
  return of?.id ?? '';
}

function lost(): ChannelEnd {
  return {
    error: new AppError('NODE_OFFLINE', 'The line between two daemons broke: read it again.'),
  };
}

function tooMany(): AppError {
  return new AppError(
    'LIMIT_REACHED',
    `${MAX_CHANNELS} channels go through other daemons already.`,
  );
}
