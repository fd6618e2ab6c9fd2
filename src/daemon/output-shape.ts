import type { TSchema } from 'typebox';

import { Compile } from 'typebox/compile';

/** Makes what a handler answered what the contract promises: fields that it does not name never leave. */
export type Shape = (value: unknown) => unknown;

/**
 * Puts a value on the wire's terms (dates are text, absent fields are absent, fields that the contract does not name are gone), then makes sure that
 * the rest is as it promises. The way through a schema is laid out once, for this is part of every call.
 */
export function outputShape(schema: TSchema): Shape {
  const clean = cleaner(schema);
  const validator = Compile(schema);
  return (value) => {
    const cleaned = clean(value);
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

/** The parts of JSON Schema that the contract is made of; a test holds every output of the registry against it. */
interface Parts {
  readonly type?: string;
  readonly anyOf?: readonly TSchema[];
  readonly items?: TSchema;
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly patternProperties?: Readonly<Record<string, TSchema>>;
}

function cleaner(schema: TSchema): Shape {
  const { type, anyOf, items, properties, patternProperties }: Parts = schema;
  if (anyOf) return firstThatFits(anyOf);
  if (items) return list(cleaner(items));
  if (properties) return fieldsOf(properties);
  const [values] = Object.values(patternProperties ?? {});
  if (values) return everyField(cleaner(values));
  return type === undefined || type === 'object' ? plain : scalar;
}

function firstThatFits(variants: readonly TSchema[]): Shape {
  const ways = variants.map((variant) => ({
    clean: cleaner(variant),
    validator: Compile(variant),
  }));
  return (value) => {
    for (const { clean, validator } of ways) {
      const cleaned = clean(value);
      if (validator.Check(cleaned)) return cleaned;
    }
    return value;
  };
}

function list(clean: Shape): Shape {
  return (value) => (Array.isArray(value) ? value.map(clean) : value);
}

function fieldsOf(properties: Readonly<Record<string, TSchema>>): Shape {
  const fields = Object.entries(properties).map(
    ([name, schema]) => [name, cleaner(schema)] as const,
  );
  return (value) => {
    if (!isObject(value)) return value;
    const cleaned: Record<string, unknown> = {};
    for (const [name, clean] of fields) {
      const field = value[name];
      if (field !== undefined) cleaned[name] = clean(field);
    }
    return cleaned;
  };
}

function everyField(clean: Shape): Shape {
  return (value) => {
    if (!isObject(value)) return value;
    const kept = Object.entries(value).filter(([, field]) => field !== undefined);
    return Object.fromEntries(kept.map(([name, field]) => [name, clean(field)]));
  };
}

function scalar(value: unknown): unknown {
  return value instanceof Date ? value.toISOString() : value;
}

/** What the contract leaves open, as JSON would have it. */
function plain(value: unknown): unknown {
  return typeof value === 'object' && value !== null
    ? (JSON.parse(JSON.stringify(value)) as unknown)
    : value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
