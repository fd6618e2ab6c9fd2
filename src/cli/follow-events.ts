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

/** The cursor of what has happened last: where one begins who wants to hear what comes. */
export async function newestCursor(client: SyntropyClient): Promise<string> {
  const { cursor } = await client.call('events.list', {});
  return cursor;
}

/** One event on one line. */
export function describeEvent({ createdAt, type, object, payload }: Event): string {
  const { name, ...rest } = payload;
  const what = typeof name === 'string' ? name : object.id;
  const more = Object.keys(rest).length === 0 ? '' : `  ${JSON.stringify(rest)}`;
  return cleanLine(`${createdAt}  ${type.padEnd(22)}  ${what}${more}`);
}
