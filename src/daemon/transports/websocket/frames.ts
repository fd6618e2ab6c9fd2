import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';

import { AppError } from '../../../core/types/errors/app-error.js';

const Id = Type.String({ minLength: 1, maxLength: 64 });
/** Of the caller's trace, as W3C writes it; one that is none is left alone. */
const traceparent = Type.Optional(Type.String({ maxLength: 512 }));
const exact = { additionalProperties: false };

const AuthFrame = Type.Object(
  {
    auth: Type.Object({ token: Type.String({ minLength: 1, maxLength: 8_192 }) }, exact),
  },
  exact,
);
const CallFrame = Type.Object(
  {
    id: Id,
    call: Type.String({ maxLength: 64 }),
    input: Type.Optional(Type.Unknown()),
    idempotencyKey: Type.Optional(Type.String({ pattern: '^[!-~]{1,255}$' })),
    traceparent,
  },
  exact,
);
const SubscribeFrame = Type.Object(
  {
    id: Id,
    subscribe: Type.String({ maxLength: 64 }),
    input: Type.Optional(Type.Unknown()),
    traceparent,
  },
  exact,
);
const CancelFrame = Type.Object({ id: Id, cancel: Id }, exact);

/** What a client may send. */
export type ClientFrame =
  | ({ readonly kind: 'auth' } & Static<typeof AuthFrame>)
  | ({ readonly kind: 'call' } & Static<typeof CallFrame>)
  | ({ readonly kind: 'subscribe' } & Static<typeof SubscribeFrame>)
  | ({ readonly kind: 'cancel' } & Static<typeof CancelFrame>);

const auth = Compile(AuthFrame);
const call = Compile(CallFrame);
const subscribe = Compile(SubscribeFrame);
const cancel = Compile(CancelFrame);

/** @throws {AppError} INPUT_INVALID. */
export function parseFrame(text: string): ClientFrame {
  const frame = parseJson(text);
  if (auth.Check(frame)) return { kind: 'auth', ...frame };
  if (call.Check(frame)) return { kind: 'call', ...frame };
  if (subscribe.Check(frame)) return { kind: 'subscribe', ...frame };
  if (cancel.Check(frame)) return { kind: 'cancel', ...frame };
  throw new AppError(
    'INPUT_INVALID',
    'A frame is {"auth"}, {"id","call","input"}, {"id","subscribe","input"} or {"id","cancel"}.',
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text, (key, value: unknown) => (key === '__proto__' ? undefined : value));
  } catch {
    throw new AppError('INPUT_INVALID', 'The frame is not JSON.');
  }
}
