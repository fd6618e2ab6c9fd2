import { type Static, Type } from 'typebox';

import { Timestamp } from './common.js';

export const EventCursor = Type.String({
  pattern: '^[0-9]{1,19}$',
  description: 'Position in the stream of events. Resume with the cursor of the last event seen.',
});

/** Something that happened. Cursors rise in commit order, so nothing appears behind a reader. */
export const Event = Type.Object({
  cursor: EventCursor,
  type: Type.String({ description: '`<noun>.<past tense>`, such as node.created.' }),
  object: Type.Object({ kind: Type.String(), id: Type.String() }),
  payload: Type.Record(Type.String(), Type.Unknown()),
  createdAt: Timestamp,
});
export type Event = Static<typeof Event>;
