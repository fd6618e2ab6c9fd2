import type { Event, EventFilter } from '../../core/types/models/event.js';

export interface EventPage {
  readonly limit: number;
  /** The newest of those that fit, and not those right after the cursor. */
  readonly last: boolean;
}

/** Events as they are stored. Implemented by core/storage/postgres/event.repository.ts. */
export interface EventSource {
  listAfter(cursor: bigint, limit: number): Promise<readonly Event[]>;
  /** Those after a cursor that fit, oldest first: the first so many of them, or the last. */
  listFitting(cursor: bigint, filter: EventFilter, page: EventPage): Promise<readonly Event[]>;
  /** Cursor of the newest event ever appended; 0 before the first. */
  latestCursor(): Promise<bigint>;
  /** Cursor of the newest event that was pruned; 0 when none was. A reader before it has missed some. */
  prunedCursor(): Promise<bigint>;
}

export const PAGE = 200;
/** Wake-ups may be lost (a dropped connection, a restart): nobody waits longer than this for an event. */
export const POLL_MS = 2_000;
const MAX_KEPT = 2_000;

/**
 * One who follows. Lives as long as its stream: what each wait of a thousand of them would leave behind is most of what there would be to collect.
 */
export class Follower {
  readonly #signal: AbortSignal;
  readonly #onLeave: () => void;
  readonly #onAbort = () => this.wake();
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(signal: AbortSignal, onLeave: () => void) {
    this.#signal = signal;
    this.#onLeave = onLeave;
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Resolves when something is read from now on, or when the signal aborts. */
  changed(): Promise<void> {
    if (this.#signal.aborted) return Promise.resolve();
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  leave(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#onLeave();
  }
}

/**
 * The newest events, read once for everyone who follows them. Runs from the first follower to the last. Followers at the head are served from
 * here, so that a thousand of them cost one query and not a thousand.
 */
export class EventTail {
  readonly #source: EventSource;
  readonly #followers = new Set<Follower>();
  #kept: Event[] = [];
  /** Every event after this cursor, up to the newest that was read, is kept. Unknown until it was asked for. */
  #base: bigint | undefined;
  #head = 0n;
  #stop: AbortController | undefined;
  #wakeReader: (() => void) | undefined;
  #isStale = false;

  constructor(source: EventSource) {
    this.#source = source;
  }

  get followers(): number {
    return this.#followers.size;
  }

  /** Counts a follower in, until they leave. */
  join(signal: AbortSignal): Follower {
    const follower = new Follower(signal, () => {
      if (this.#followers.delete(follower) && this.#followers.size === 0) this.#end();
    });
    this.#followers.add(follower);
    if (!this.#stop) this.#start();
    return follower;
  }

  /** Says that there may be something new. Cheap; call it as often as you like. */
  wake(): void {
    this.#isStale = true;
    this.#wakeReader?.();
  }

  /** Events after a cursor, as far as they are kept; undefined when the first of them is not kept any more. */
  after(cursor: bigint): readonly Event[] | undefined {
    if (this.#base === undefined || cursor < this.#base) return undefined;
    if (cursor >= this.#head) return [];
    return this.#kept.slice(this.#indexAfter(cursor));
  }

  #start(): void {
    const stop = new AbortController();
    this.#stop = stop;
    void this.#read(stop.signal);
  }

  #end(): void {
    this.#stop?.abort();
    this.#stop = undefined;
    this.#kept = [];
    this.#base = undefined;
  }

  async #read(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#isStale = false;
      const page = await this.#next(signal).catch(() => []);
      if (signal.aborted) return;
      if (page.length > 0) this.#append(page);
      if (page.length < PAGE && !this.#isStale) await this.#pause(signal);
    }
  }

  /** Fails while the database is away: the next poll may find it again, and nothing was skipped. */
  async #next(signal: AbortSignal): Promise<readonly Event[]> {
    if (this.#base !== undefined) return this.#source.listAfter(this.#head, PAGE);
    const latest = await this.#source.latestCursor();
    if (signal.aborted) return [];
    this.#head = latest;
    this.#base = latest;
    this.#isStale = true;
    // Whoever has looked into the table meanwhile may have seen less.
    this.#wakeFollowers();
    return [];
  }

  #append(page: readonly Event[]): void {
    this.#kept.push(...page);
    this.#head = cursorOf(page.at(-1)) ?? this.#head;
    // In one go now and then, for each takes time in proportion to what stays.
    if (this.#kept.length > 2 * MAX_KEPT) {
      const dropped = this.#kept.splice(0, this.#kept.length - MAX_KEPT);
      this.#base = cursorOf(dropped.at(-1)) ?? this.#base;
    }
    this.#wakeFollowers();
  }

  #wakeFollowers(): void {
    for (const follower of this.#followers) follower.wake();
  }

  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', go);
        this.#wakeReader = undefined;
        resolve();
      };
      const timer = setTimeout(go, POLL_MS);
      signal.addEventListener('abort', go, { once: true });
      this.#wakeReader = go;
    });
  }

  /** By halves: cursors rise. */
  #indexAfter(cursor: bigint): number {
    let low = 0;
    let high = this.#kept.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cursorOf(this.#kept[middle]) ?? 0n) <= cursor) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function cursorOf(event: Event | undefined): bigint | undefined {
  return event && BigInt(event.cursor);
}
