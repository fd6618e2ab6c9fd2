import type { Handlers } from '../dispatch.js';
import type { Subject } from '../subject.js';
import type { EventFilter } from '../../core/types/models/event.js';
import type { EventHub } from '../events/event-hub.js';

const DEFAULT_LIMIT = 100;

/** Events: read a page, or follow. */
export function eventHandlers(hub: EventHub): Pick<Handlers, 'events.list' | 'events.follow'> {
  return {
    'events.list': ({ after, limit = DEFAULT_LIMIT, last = false, ...filter }, { subject }) =>
      hub.list(cursorOf(after), filterOf(filter, subject), { limit, last }),
    'events.follow': ({ after, ...filter }, { signal, subject }) =>
      hub.follow(cursorOf(after), filterOf(filter, subject), signal),
  };
}

function cursorOf(after: string | undefined): bigint | undefined {
  return after === undefined ? undefined : BigInt(after);
}

function filterOf(
  { type, object }: { type?: string; object?: string },
  subject: Subject,
): EventFilter {
  return {
    ...(type === undefined ? {} : { type }),
    ...(object === undefined ? {} : { object }),
    ...(subject.permissions.has('events:any') ? {} : { memberId: subject.id }),
  };
}
