import type { SyntropyClient } from '../client/client.js';
import type { OperationInput } from '../contract/registry.js';

import { errorCode } from '../core/types/errors/error-code.js';
import { slept as sleptFor } from '../core/utils/slept.js';

type Filter = Pick<OperationInput<'events.follow'>, 'type' | 'object'>;

/**
 * Yields at once, and again after each event that fits: read the present state at each. Begins from a cursor that is older than
 * the first reading, so that nothing is missed between the two.
 */
export async function* changes(
  client: SyntropyClient,
  filter: Filter,
  signal: AbortSignal,
): AsyncGenerator<void> {
  while (!signal.aborted) {
    const { cursor } = await client.call('events.list', {}, { signal });
    yield;
    try {
      for await (const _ of client.stream(
        'events.follow',
        { ...filter, after: cursor },
        { signal },
      )) {
        if (signal.aborted) return;
        yield;
      }
    } catch (error) {
      // Too far behind: what happened in between is in the state that is read next.
      if (!isExpired(error)) throw error;
    }
  }
}

/** The same, and again whenever nothing has happened for so long. */
export async function* changesAndEvery(
  client: SyntropyClient,
  filter: Filter,
  ms: number,
  signal: AbortSignal,
): AsyncGenerator<void> {
  const following = changes(client, filter, signal);
  let next = following.next();
  while (!signal.aborted) {
    const waited = new AbortController();
    const slept = await Promise.race([next.then(() => false), sleptFor(ms, waited.signal)]);
    waited.abort();
    if (!slept) {
      if ((await next).done) return;
      next = following.next();
    }
    yield;
  }
}

/** Whether a follower fell too far behind. */
export function isExpired(error: unknown): boolean {
  return errorCode(error) === 'CURSOR_EXPIRED';
}
