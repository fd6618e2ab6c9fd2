import type { Event, EventFilter } from '../../core/types/models/event.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { slept } from '../../core/utils/slept.js';
import { type EventPage, type EventSource, EventTail, PAGE, POLL_MS } from './event-tail.js';

const MAX_FOLLOWERS = 5_000;
/** A database that is away for longer ends the streams that need it; they can be resumed. */
const MAX_FAILED_READS = 15;

/** Hands events to those who follow them. What is no longer in memory is read from the table, so that any replica serves any cursor. */
export class EventHub {
  readonly #source: EventSource;
  readonly #tail: EventTail;
  readonly #closing = new AbortController();

  constructor(source: EventSource) {
    this.#source = source;
    this.#tail = new EventTail(source);
  }

  get followers(): number {
    return this.#tail.followers;
  }

  /** Ends every follower, so that a daemon that stops has nobody left to wait for. */
  close(): void {
    this.#closing.abort();
  }

  /** Says that there may be something new. Cheap; call it as often as you like. */
  wake(): void {
    this.#tail.wake();
  }

  /**
   * One page of the events after a cursor that fit, and the cursor to go on from, which is also past events that do not.
   * Without `after`: of all that are kept when the last are asked for; otherwise no events, and the newest cursor.
   * @throws {AppError} CURSOR_EXPIRED.
   */
  async list(
    after: bigint | undefined,
    filter: EventFilter,
    page: EventPage,
  ): Promise<{ events: readonly Event[]; cursor: string }> {
    // Read first: cursors rise in commit order, so whatever is up to here is seen by the query that follows.
    const latest = await this.#source.latestCursor();
    if (after === undefined && !page.last) return { events: [], cursor: String(latest) };
    if (after !== undefined) await this.#requireKept(after);
    const events = await this.#source.listFitting(after ?? 0n, filter, page);
    const reached = BigInt(events.at(-1)?.cursor ?? after ?? 0n);
    const isFull = !page.last && events.length === page.limit;
    return { events, cursor: String(isFull || reached > latest ? reached : latest) };
  }

  /**
   * Events after a cursor (from now without one), until the signal aborts.
   * @throws {AppError} CURSOR_EXPIRED, also later, for a reader who was overtaken by the pruning; LIMIT_REACHED.
   */
  async follow(
    after: bigint | undefined,
    filter: EventFilter,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Event>> {
    if (this.#tail.followers >= MAX_FOLLOWERS) {
      throw new AppError('LIMIT_REACHED', `${MAX_FOLLOWERS} clients follow events already.`);
    }
    const from = after ?? (await this.#source.latestCursor());
    await this.#requireKept(from);
    return this.#read(from, filter, AbortSignal.any([signal, this.#closing.signal]));
  }

  async *#read(from: bigint, filter: EventFilter, signal: AbortSignal): AsyncIterable<Event> {
    const follower = this.#tail.join(signal);
    try {
      let cursor = from;
      while (!signal.aborted) {
        // Waiting begins before it is looked, so that nothing slips in between.
        const changed = follower.changed();
        const events = this.#tail.after(cursor) ?? (await this.#stored(cursor, signal));
        for (const event of events) {
          if (signal.aborted) return;
          cursor = BigInt(event.cursor);
          if (matches(event, filter)) yield event;
        }
        if (events.length === 0) await changed;
      }
    } finally {
      follower.leave();
    }
  }

  /** A page from the table, for a reader who is behind what is kept. */
  async #stored(cursor: bigint, signal: AbortSignal): Promise<readonly Event[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#requireKept(cursor);
        return await this.#source.listAfter(cursor, PAGE);
      } catch (error) {
        // Who has left is not told what failed.
        if (signal.aborted) return [];
        if (error instanceof AppError || attempt >= MAX_FAILED_READS) throw error;
        await slept(POLL_MS, signal);
      }
    }
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
