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
