/** Something that happened, as it is stored and sent. */
export interface Event {
  /** Position in the stream, a decimal number: cursors rise in commit order. */
  readonly cursor: string;
  /** `<noun>.<past tense>`, such as `node.created`. */
  readonly type: string;
  readonly object: { readonly kind: string; readonly id: string };
  readonly payload: Readonly<Record<string, unknown>>;
  readonly createdAt: Date;
  /** Whom it concerns, beside those who see every event; absent, everyone. */
  readonly memberId?: string;
}

/** Which events are asked for; what is not said leaves none out. */
export interface EventFilter {
  /** Exact, or a prefix ending in `*`. */
  readonly type?: string;
  readonly object?: string;
  /** Who reads: events that concern another member are not for them. Absent, every event is. */
  readonly memberId?: string;
}

/** Everything that is told to have happened; the noun first. */
export type EventType =
  | 'container.created'
  | 'container.updated'
  | 'container.status-changed'
  | 'container.placed'
  | 'container.replica-changed'
  | 'container.replica-lost'
  | 'container.rolled-back'
  | 'container.removed'
  | 'secret.set'
  | 'secret.removed'
  | 'node.engine-changed'
  | 'key.rotated'
  | 'member.created'
  | 'member.updated'
  | 'member.removed'
  | 'node.created'
  | 'node.updated'
  | 'node.joined'
  | 'node.approved'
  | 'node.rejected'
  | 'node.started'
  | 'node.status-changed'
  | 'node.hardware-changed'
  | 'node.reported'
  | 'node.agent-replaced'
  | 'node.restart-ordered'
  | 'node.drained'
  | 'node.undrained'
  | 'node.dismissed'
  | 'node.removed'
  | 'node.retired'
  | 'node-token.created'
  | 'node-token.revoked'
  | 'operation.started'
  | 'operation.progressed'
  | 'operation.cancel-requested'
  | 'operation.ended'
  | 'role.updated'
  | 'role.removed'
  | 'session.ended'
  | 'token.created'
  | 'token.revoked';
