import { setTimeout as pause } from 'node:timers/promises';

import type { SyntropyClient } from '../client/client.js';
import type { OperationInput } from '../contract/registry.js';
import type { Event } from '../contract/schemas/event.js';

import { AppError } from '../core/types/errors/app-error.js';
import { cleanLine } from './text.js';

type Filter = Pick<OperationInput<'events.follow'>, 'type' | 'object'>;

/** A daemon that is gone for longer is lost; a restart, or the way to another replica, is shorter. */
const LOST_AFTER_MS = 60_000;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5_000;

/**
 * Events after a cursor, for ever. A connection that breaks, or that the daemon ends, is made again and goes on after the last event that
 * came, so that none is missing and none comes twice.
 * @throws {AppError} CURSOR_EXPIRED; DAEMON_UNREACHABLE when nobody has answered for a minute.
 */
export async function* followEvents(
  client: SyntropyClient,
  filter: Filter,
  after: string,
): AsyncGenerator<Event> {
  let cursor = after;
  let lostSince: number | undefined;
  let retryMs = FIRST_RETRY_MS;
  for (;;) {
    try {
      for await (const event of client.stream('events.follow', { ...filter, after: cursor })) {
        cursor = event.cursor;
        lostSince = undefined;
        retryMs = FIRST_RETRY_MS;
        yield event;
      }
    } catch (error) {
      const isPassing = error instanceof AppError && PASSING.includes(error.code);
      lostSince ??= Date.now();
      if (!isPassing || Date.now() - lostSince > LOST_AFTER_MS) throw error;
    }
    await pause(retryMs);
    retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
  }
}

const PASSING: readonly string[] = ['DAEMON_UNREACHABLE', 'DATABASE_UNAVAILABLE', 'RATE_LIMITED'];

/** The last events before now, at most so many: where a person begins to read. */
export async function recentCursor(client: SyntropyClient, count: number): Promise<string> {
  const { cursor } = await client.call('events.list', {});
  const from = BigInt(cursor) - BigInt(count);
  return String(from > 0n ? from : 0n);
}

/** A page after this cursor, or after the oldest that is kept when that is later. */
export async function eventsAfter(
  client: SyntropyClient,
  input: OperationInput<'events.list'>,
): Promise<{ readonly events: readonly Event[]; readonly cursor: string }> {
  return client.call('events.list', input).catch((error: unknown) => {
    const oldest = error instanceof AppError ? error.details['oldestCursor'] : undefined;
    if (typeof oldest !== 'string') throw error;
    return client.call('events.list', { ...input, after: oldest });
  });
}

/** One event on one line. */
export function describeEvent({ createdAt, type, object, payload }: Event): string {
  const { name, ...rest } = payload;
  const what = typeof name === 'string' ? name : object.id;
  const more = Object.keys(rest).length === 0 ? '' : `  ${JSON.stringify(rest)}`;
  return cleanLine(`${createdAt}  ${type.padEnd(22)}  ${what}${more}`);
}

/** A page of a listing, and how many of them are read at most. */
const PAGE = 500;
const MAX_PAGES = 40;

/** The last events of one object that are kept, oldest first, and the cursor behind them. */
export async function lastEventsOf(
  client: SyntropyClient,
  object: string,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
): Promise<{ readonly events: readonly Event[]; readonly cursor: string }> {
  let last: readonly Event[] = [];
  let cursor = after ?? '0';
  for (let count = 0; count < MAX_PAGES; count += 1) {
    const asked = { object, limit: PAGE, after: cursor };
    // A cursor that a person gave is refused when it is no longer kept, as `events` has it.
    const page =
      after === undefined
        ? await eventsAfter(client, asked)
        : await client.call('events.list', asked);
    last = [...last, ...page.events].slice(-limit);
    ({ cursor } = page);
    if (page.events.length < PAGE) break;
  }
  return { events: last, cursor };
}
