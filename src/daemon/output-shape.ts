import type { TSchema } from 'typebox';

import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';

/** Makes what a handler answered what the contract promises: fields that it does not name never leave. */
export type Shape = (value: unknown) => unknown;

/** Drops what the contract does not name, then makes sure that the rest is as it promises. */
export function outputShape(schema: TSchema): Shape {
  const validator = Compile(schema);
  return (value) => {
    const cleaned: unknown = Value.Clean(schema, plain(value));
    if (validator.Check(cleaned)) return cleaned;
    const [first] = validator.Errors(cleaned);
    throw new TypeError(`Output breaks the contract at ${first?.instancePath}: ${first?.message}`);
  };
}

/** The same for each item of a stream. An item that many readers are given is shaped once. */
export function streamShape(
  shape: Shape,
): (items: AsyncIterable<unknown>) => AsyncIterable<unknown> {
  const shaped = new WeakMap<object, unknown>();
  const once = (item: unknown) => {
    if (typeof item !== 'object' || item === null) return shape(item);
    const known = shaped.get(item);
    if (known !== undefined) return known;
    const result = shape(item);
    shaped.set(item, result);
    return result;
  };
  return async function* each(items) {
    for await (const item of items) yield once(item);
  };
}

/** As it will be on the wire: dates are text, absent fields are absent. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}
