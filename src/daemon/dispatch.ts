import { type Static, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';

import type { OperationInput, OperationOutput, OperationId } from '../contract/registry.js';
import type { Permission } from '../core/types/constants/permissions.js';
import type { IdempotencyGate } from './idempotency.js';

import { registry } from '../contract/registry.js';
import { AppError } from '../core/types/errors/app-error.js';

/** Who calls. `all` is the local administrator. */
export interface Subject {
  readonly id: string;
  readonly permissions: 'all' | ReadonlySet<Permission>;
}

/** What every call carries beside its input, whatever the transport. */
export interface CallContext {
  readonly subject: Subject;
  readonly requestId: string;
  readonly idempotencyKey?: string;
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
}

/**
 * What each operation is bound to. A stream answers with an async iterable of its output, after it has made sure
 * that it can begin: a refusal comes before the first item.
 */
export type Handlers = {
  readonly [Id in OperationId]: (
    input: OperationInput<Id>,
    context: CallContext,
  ) => (typeof registry)[Id]['kind'] extends 'stream'
    ? Promise<AsyncIterable<Wire<OperationOutput<Id>>>>
    : Promise<Wire<OperationOutput<Id>>>;
};

/** A value before it is put on the wire: a time is still a Date, a list may be readonly, a field undefined. */
export type Wire<T> = T extends string
  ? T | Date
  : T extends readonly (infer Item)[]
    ? readonly Wire<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: Wire<T[Key]> }
      : T;

/** The one way into the program, free of HTTP. Answers a value, or an async iterable for a stream. */
export type Dispatch = (id: OperationId, input: unknown, context: CallContext) => Promise<unknown>;

/**
 * Binds the registry to its handlers:
 * permission → validate → idempotency → run → shape output.
 *
 * Authentication is the transport's: it alone knows the peer. Unknown input fields are refused, and fields that the
 * contract does not name never leave.
 * @throws {AppError} PERMISSION_DENIED, INPUT_INVALID, IDEMPOTENCY_*, and what the handler throws.
 */
export function createDispatch(handlers: Handlers, idempotency: IdempotencyGate): Dispatch {
  const validators = new Map<OperationId, (input: unknown) => unknown>();
  for (const [id, operation] of Object.entries(registry)) {
    if (isOperationId(id)) validators.set(id, inputValidator(operation.input));
  }

  return async (id, input, context) => {
    const operation = registry[id];
    requirePermission(context.subject, operation.permission);
    const checked = validators.get(id)?.(input);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the registry ties each id to its handler's types; that tie is lost on a variable id
    const handler = handlers[id] as (input: unknown, context: CallContext) => Promise<unknown>;

    if (operation.kind === 'stream') {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type of Handlers makes a stream's handler answer with one
      const items = (await handler(checked, context)) as AsyncIterable<unknown>;
      return shapeEach(operation.output, items);
    }
    const run = async () => shape(operation.output, await handler(checked, context));
    const key = context.idempotencyKey;
    if (key === undefined || operation.kind !== 'mutation') return run();
    return idempotency.once(
      { subject: context.subject.id, key, operation: id, input: checked },
      run,
    );
  };
}

export function isOperationId(id: string): id is OperationId {
  return Object.hasOwn(registry, id);
}

function requirePermission(subject: Subject, permission: Permission): void {
  if (subject.permissions === 'all' || subject.permissions.has(permission)) return;
  throw new AppError('PERMISSION_DENIED', `${subject.id} lacks the permission ${permission}.`, {
    permission,
  });
}

function inputValidator<S extends TSchema>(schema: S): (input: unknown) => Static<S> {
  const validator = Compile(schema);
  return (input) => {
    const value: unknown = Value.Default(schema, structuredClone(input ?? {}));
    if (validator.Check(value)) return value;
    throw invalid(validator.Errors(value));
  };
}

interface SchemaError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly message: string;
}

/** The deepest complaint is the one that names the field a person got wrong. */
function invalid(errors: readonly SchemaError[]): AppError {
  const real = errors.filter((error) => error.keyword !== 'boolean' && error.keyword !== 'anyOf');
  const unknownFields = errors.filter((error) => error.keyword === 'boolean');
  const unknown = unknownFields[0];
  if (unknown) {
    const field = fieldOf(unknown.instancePath);
    return new AppError('INPUT_INVALID', `There is no field "${field}".`, { field });
  }
  const first = real[0] ?? errors[0];
  const field = fieldOf(first?.instancePath ?? '');
  const what = first?.message ?? 'does not fit the contract';
  return new AppError(
    'INPUT_INVALID',
    field === '' ? `The input ${what}.` : `"${field}" ${what}.`,
    {
      field,
    },
  );
}

function fieldOf(instancePath: string): string {
  return instancePath.slice(1, 201).replaceAll('/', '.');
}

/** Drops what the contract does not name, then makes sure that the rest is as it promises. */
function shape(schema: TSchema, value: unknown): unknown {
  const cleaned: unknown = Value.Clean(schema, plain(value));
  if (Value.Check(schema, cleaned)) return cleaned;
  const [first] = Value.Errors(schema, cleaned);
  throw new TypeError(`Output breaks the contract at ${first?.instancePath}: ${first?.message}`);
}

async function* shapeEach(schema: TSchema, items: AsyncIterable<unknown>): AsyncIterable<unknown> {
  for await (const item of items) yield shape(schema, item);
}

/** As it will be on the wire: dates are text, absent fields are absent. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}
