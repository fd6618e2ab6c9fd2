import { type Chunk, costOf } from '../../contract/agent/channel.js';

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;
/** A chunk, of whichever channel. */
export type Said = WithoutId<Chunk>;

/** The way out of one channel: what is sent waits until the reader has granted credit. */
export class Outlet {
  /** The most that one chunk may hold. */
  readonly limit: number;
  readonly #id: string;
  readonly #send: (frame: { readonly chunk: Chunk }) => void;
  readonly #room: () => Promise<void>;
  readonly #over = new AbortController();
  #credit: number;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(
    { id, credit, chunk }: { readonly id: string; readonly credit: number; readonly chunk: number },
    send: (frame: { readonly chunk: Chunk }) => void,
    room: () => Promise<void>,
  ) {
    this.#id = id;
    this.limit = chunk;
    this.#credit = credit;
    this.#send = send;
    this.#room = room;
  }

  /** Aborts when nobody reads any more. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  grant(credit: number): void {
    this.#credit += credit;
    if (this.#credit > 0) this.#waiting?.resolve();
  }

  /** Sends it as soon as it may. Answers false when nobody reads any more, and then nothing was sent. Called one at a time. */
  async send(said: Said): Promise<boolean> {
    while (this.#credit <= 0 && !this.signal.aborted) {
      this.#waiting = Promise.withResolvers();
      await this.#waiting.promise;
    }
    // A line that is slower than all readers together holds them up as well, and not the heartbeats behind them.
    await this.#room();
    return this.sendNow(said);
  }

  /** For what costs nothing. */
  sendNow(said: Said): boolean {
    if (this.signal.aborted) return false;
    const chunk = { id: this.#id, ...said };
    this.#credit -= costOf(chunk);
    this.#send({ chunk });
    return true;
  }

  close(): void {
    this.#over.abort();
    this.#waiting?.resolve();
  }
}
