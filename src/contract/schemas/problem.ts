import { type Static, Type } from 'typebox';

/** Body of every answer that is not 2xx: RFC 9457, with our stable `code`. */
export const Problem = Type.Object({
  type: Type.String({ description: '`urn:syntropy:error:<code in lower case>`.' }),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  code: Type.String({ description: 'See docs/reference/errors.md.' }),
  hint: Type.String({ description: 'What to do next.' }),
  details: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
  requestId: Type.String(),
});
export type Problem = Static<typeof Problem>;
