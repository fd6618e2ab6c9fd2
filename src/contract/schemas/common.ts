import { Type, type TProperties } from 'typebox';

/** An input object: fields it does not know are refused, never stripped. */
export function Input<P extends TProperties>(properties: P) {
  return Type.Object(properties, { additionalProperties: false });
}

/** RFC 3339 in UTC, such as `2026-11-23T10:00:00.000Z`. */
export const Timestamp = Type.String({
  format: 'date-time',
  description: 'RFC 3339, in UTC.',
  maxLength: 40,
});

export const Uuid = Type.String({
  pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$',
  description: 'A UUID in lower case.',
});

/** An id, or a unique name: whatever a person would type. Resolved by the operation. */
export const Ref = Type.String({ minLength: 1, maxLength: 255, description: 'Id or unique name.' });

/** Where a list goes on. Opaque: hand back what the last page gave. */
export const PageCursor = Type.String({
  minLength: 1,
  maxLength: 512,
  description: 'Opaque; take it from `nextCursor` of the page before.',
});

export const PageLimit = Type.Integer({ minimum: 1, maximum: 500, default: 100 });

/** A member, a node or whatever else is told by id and name at once. */
export const Named = Type.Object({ id: Uuid, name: Type.String() });

/** On REST also as If-Match. */
export const IfVersion = Type.Integer({
  minimum: 1,
  description: 'Change it only while it still has this version; otherwise VERSION_CONFLICT.',
});

export const NodeRef = Type.Object({ id: Uuid, name: Type.String() });

/** Bytes fit a double exactly up to 8 PiB, so a JSON number is safe here. */
export const Bytes = Type.Integer({ minimum: 0, description: 'Bytes.' });

export const AbsolutePath = Type.String({
  minLength: 1,
  maxLength: 4096,
  description: 'Absolute path on the host of the daemon.',
});
