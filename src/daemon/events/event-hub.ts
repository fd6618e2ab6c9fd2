import type { Event } from '../../core/types/models/event.js';

import { AppError } from '../../core/types/errors/app-error.js';

const PAGE = 200;
/** Wake-ups may be lost (a dropped connection, a restart): nobody waits longer than this for an event. */
const POLL_MS = 2_000;
const MAX_FOLLOWERS = 128;

/** Events as they are stored. Implemented by core/storage/postgres/event.repository.ts. */
export interface EventSource {
  listAfter(cursor: bigint, limit: number): Promise<readonly Event[]>;
  /** Cursor of the newest event ever appended; 0 before the first. */
  latestCursor(): Promise<bigint>;
  /** Cursor of the newest event that was pruned; 0 when none was. A reader before it has missed some. */
  prunedCursor(): Promise<bigint>;
}

export interface EventFilter {
  /** Exact, or a prefix ending in `*`. */
  readonly type?: string;
  readonly object?: string;
  /** Who reads: events that concern another member are not for them. Absent, every event is. */
  readonly memberId?: string;
}

/** Hands events to those who follow them. Reads the table, so that any replica serves any cursor. */
export class EventHub {
  readonly #source: EventSource;
  readonly #sleepers = new Set<() => void>();
  readonly #closing = new AbortController();
  #followers = 0;

  constructor(source: EventSource) {
    this.#source = source;
  }

  /** Ends every follower, so that a daemon that stops has nobody left to wait for. */
  close(): void {
    this.#closing.abort();
  }

  /** Says that there may be something new. Cheap; call it as often as you like. */
  wake(): void {
    for (const wake of this.#sleepers) wake();
    this.#sleepers.clear();
  }

  /**
   * One page of events after a cursor, and the cursor to go on from, which is also past events that the filter left out.
   * Without `after`: no events, and the newest cursor.
   * @throws {AppError} CURSOR_EXPIRED.
   */
  async list(
    after: bigint | undefined,
    filter: EventFilter,
    limit: number,
  ): Promise<{ events: readonly Event[]; cursor: string }> {
    if (after === undefined) {
      return { events: [], cursor: String(await this.#source.latestCursor()) };
    }
    await this.#requireKept(after);
    const page = await this.#source.listAfter(after, limit);
    return {
      events: page.filter((event) => matches(event, filter)),
      cursor: page.at(-1)?.cursor ?? String(after),
    };
  }

  /**
   * Events after a cursor (from now without one), until the signal aborts.
   * @throws {AppError} CURSOR_EXPIRED, LIMIT_REACHED.
   */
  async follow(
    after: bigint | undefined,
    filter: EventFilter,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Event>> {
    if (this.#followers >= MAX_FOLLOWERS) {
      throw new AppError('LIMIT_REACHED', `${MAX_FOLLOWERS} clients follow events already.`);
    }
    const from = after ?? (await this.#source.latestCursor());
    await this.#requireKept(from);
    return this.#read(from, filter, AbortSignal.any([signal, this.#closing.signal]));
  }

  async *#read(from: bigint, filter: EventFilter, signal: AbortSignal): AsyncIterable<Event> {
    this.#followers += 1;
    try {
      let cursor = from;
      while (!signal.aborted) {
        // Listening begins before the table is read, so that nothing slips in between.
        const woken = this.#nextWake(signal);
        const page = await this.#source.listAfter(cursor, PAGE);
        for (const event of page) {
          cursor = BigInt(event.cursor);
          if (matches(event, filter)) yield event;
        }
        if (page.length < PAGE) await woken;
      }
    } finally {
      this.#followers -= 1;
    }
  }

  #nextWake(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#sleepers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, POLL_MS);
      signal.addEventListener('abort', wake, { once: true });
      if (signal.aborted) wake();
      else this.#sleepers.add(wake);
    });
  }

  async #requireKept(cursor: bigint): Promise<void> {
    const pruned = await this.#source.prunedCursor();
    if (cursor >= pruned) return;
    throw new AppError('CURSOR_EXPIRED', `Events up to ${pruned} are no longer kept.`, {
      oldestCursor: String(pruned),
    });
  }
}

function matches(event: Event, { type, object, memberId }: EventFilter): boolean {
  if (memberId !== undefined && event.memberId !== undefined && event.memberId !== memberId) {
    return false;
  }
  if (object !== undefined && event.object.id !== object) return false;
  if (type === undefined) return true;
  return type.endsWith('*') ? event.type.startsWith(type.slice(0, -1)) : event.type === type;
}
