import { Type } from 'typebox';

import { operation } from '../operation.js';
import { Input, PageLimit } from '../schemas/common.js';
import { Event, EventCursor } from '../schemas/event.js';

const filter = {
  after: Type.Optional(EventCursor),
  type: Type.Optional(
    Type.String({ maxLength: 64, description: 'Such as node.created, or node.*' }),
  ),
  object: Type.Optional(Type.String({ maxLength: 64, description: 'Id of the one object.' })),
};

export const listEvents = operation({
  id: 'events.list',
  kind: 'query',
  summary:
    'Events after a cursor, or the last ones, oldest first; with neither, only the newest cursor.',
  permission: 'events:read',
  http: ['GET', '/v1/events'],
  input: Input({
    ...filter,
    last: Type.Optional(
      Type.Boolean({ description: 'The newest that fit, and not those right after the cursor.' }),
    ),
    limit: Type.Optional(PageLimit),
  }),
  output: Type.Object({ events: Type.Array(Event), cursor: EventCursor }),
  errors: ['CURSOR_EXPIRED'],
});

export const followEvents = operation({
  id: 'events.follow',
  kind: 'stream',
  summary:
    'Events as they happen, as server-sent events. Resumes after `after` or Last-Event-ID; without either, from now.',
  permission: 'events:read',
  http: ['GET', '/v1/events/stream'],
  input: Input(filter),
  output: Event,
  errors: ['CURSOR_EXPIRED', 'LIMIT_REACHED'],
  cost: 5,
});
