import type { Operation } from '../contract/operation.js';
import type { OperationInput, OperationOutput, OperationId } from '../contract/registry.js';
import type { AuditNote, AuditTrail } from './audit/audit-trail.js';
import type { IdempotencyGate } from './idempotency.js';
import type { Subject } from './subject.js';

import { registry } from '../contract/registry.js';
import { AppError } from '../core/types/errors/app-error.js';
import { type ObjectRules, refOf, requireObject } from './access.js';
import { inputValidator } from './input-check.js';
import { outputShape, streamShape } from './output-shape.js';

/** How much of a limit is left, for transports that tell their callers. */
export interface LimitWindow {
  readonly limit: number;
  readonly remaining: number;
  readonly resetMs: number;
}

/** What every call carries beside its input, whatever the transport. */
export interface CallContext {
  readonly subject: Subject;
  /** Where it comes from: an IP address, or `socket`. */
  readonly source: string;
  readonly requestId: string;
  readonly idempotencyKey?: string;
  /** Of the caller's trace, as W3C writes it. */
  readonly traceParent?: string;
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
  /** Told what is left of the caller's limit. */
  readonly onLimit?: (window: LimitWindow) => void;
}

/** Tells the audit log what only the handler knows. */
export type Note = (learnt: AuditNote) => void;

/**
 * What each operation is bound to. A stream answers with an async iterable of its output, after it has made sure
 * that it can begin: a refusal comes before the first item.
 */
export type Handlers = {
  readonly [Id in OperationId]: (
    input: OperationInput<Id>,
    context: CallContext,
    note: Note,
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

export interface DispatchDeps {
  readonly handlers: Handlers;
  readonly idempotency: IdempotencyGate;
  readonly audit: AuditTrail;
  readonly objects: ObjectRules;
  /** Takes a call's weight from what the subject may spend. @throws {AppError} RATE_LIMITED. */
  readonly limit: (subject: Subject, cost: number) => LimitWindow | Promise<LimitWindow>;
  /** Answers from what is kept, when nothing of the topic has happened since. */
  readonly cached: (topic: string, key: string, load: () => Promise<unknown>) => Promise<unknown>;
  /** Told after each change, before it is answered. */
  readonly onChange: (id: OperationId) => void;
}

const DEFAULT_COST = { query: 1, mutation: 5, stream: 5 } as const;

function noNote(): void {
  // A look changes nothing that the log would tell of.
}

interface Bound {
  readonly id: OperationId;
  readonly operation: Operation;
  readonly cost: number;
  readonly check: (input: unknown) => Readonly<Record<string, unknown>>;
  readonly shape: (value: unknown) => unknown;
  readonly shapeEach: (items: AsyncIterable<unknown>) => AsyncIterable<unknown>;
  readonly handler: (input: unknown, context: CallContext, note: Note) => Promise<unknown>;
}

/**
 * Binds the registry to its handlers:
 * limit → permission → validate → idempotency → may this subject touch this object → run → audit → shape output.
 *
 * Authentication is the transport's: it alone knows the peer. Unknown input fields are refused, and fields that the
 * contract does not name never leave. A repeated call is answered before its object is looked for: what it removed the
 * first time is no longer there.
 * @throws {AppError} RATE_LIMITED, AUTH_REQUIRED, PERMISSION_DENIED, CAPABILITY_MISSING, INPUT_INVALID, IDEMPOTENCY_*, and what the
 *   handler throws.
 */
export function createDispatch(deps: DispatchDeps): Dispatch {
  const bindings = new Map<OperationId, Bound>();
  for (const [id, operation] of Object.entries<Operation>(registry)) {
    if (isOperationId(id)) bindings.set(id, bind(id, operation, deps.handlers));
  }
  return async (id, input, context) => {
    const bound = bindings.get(id);
    if (!bound) throw new AppError('ROUTE_NOT_FOUND', `There is no operation ${id}.`);
    const { operation } = bound;
    // Whoever sits on the host needs no limit of ours to spare it; who has shown nothing was counted by address.
    if (context.subject.via === 'session' || context.subject.via === 'token') {
      const left = deps.limit(context.subject, bound.cost);
      context.onLimit?.('limit' in left ? left : await left);
    }
    const refusal = refusalOf(operation, context.subject);
    if (refusal) {
      await deps.audit.denied(audited(bound, input, context), refusal.code);
      throw refusal;
    }
    const checked = bound.check(input);
    if (operation.kind === 'mutation') return change(deps, bound, checked, context);
    return read(deps, bound, checked, context);
  };
}

function bind(id: OperationId, operation: Operation, handlers: Handlers): Bound {
  const shape = outputShape(operation.output);
  return {
    id,
    operation,
    cost: operation.cost ?? DEFAULT_COST[operation.kind],
    check: inputValidator(operation.input),
    shape,
    shapeEach: streamShape(shape),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the registry ties each id to its handler's types; that tie is lost on a variable id
    handler: handlers[id] as Bound['handler'],
  };
}

async function read(
  deps: DispatchDeps,
  bound: Bound,
  checked: Readonly<Record<string, unknown>>,
  context: CallContext,
): Promise<unknown> {
  const { operation, shape, shapeEach, handler } = bound;
  const input = operation.object ? await orAudited(deps, bound, checked, context) : checked;
  if (operation.kind === 'stream') {
    const begin = (note: Note) => handler(input, context, note);
    const items = operation.audited
      ? await deps.audit.change(audited(bound, checked, context), begin, codeOf)
      : await begin(noNote);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type of Handlers makes a stream's handler answer with one
    return shapeEach(items as AsyncIterable<unknown>);
  }
  const run = async () => shape(await handler(input, context, noNote));
  if (operation.cache === undefined) return run();
  return deps.cached(operation.cache, `${bound.id} ${JSON.stringify(input)}`, run);
}

/** A query is in the log when it asks for what is not the caller's, and at no other time. */
async function orAudited(
  deps: DispatchDeps,
  bound: Bound,
  input: Readonly<Record<string, unknown>>,
  context: CallContext,
) {
  try {
    return await requireObject(deps.objects, bound.operation, context.subject, input);
  } catch (error) {
    if (codeOf(error) === 'PERMISSION_DENIED') {
      await deps.audit.denied(audited(bound, input, context), 'PERMISSION_DENIED');
    }
    throw error;
  }
}

async function change(
  deps: DispatchDeps,
  bound: Bound,
  checked: Readonly<Record<string, unknown>>,
  context: CallContext,
): Promise<unknown> {
  const { id, operation, shape, handler } = bound;
  const run = async () => {
    const call = audited(bound, checked, context);
    const result = await deps.audit.change(
      call,
      async (note) => {
        const input = await requireObject(deps.objects, operation, context.subject, checked);
        return shape(await handler(input, context, note));
      },
      codeOf,
    );
    deps.onChange(id);
    return result;
  };
  const key = context.idempotencyKey;
  // Without a subject there is nobody to whom a kept answer could belong.
  if (key === undefined || operation.permission === 'public') return run();
  const keyed = { subject: context.subject.id, key, operation: id, input: checked };
  return deps.idempotency.once(keyed, run, operation.secrets ?? []);
}

function audited(bound: Bound, input: unknown, context: CallContext) {
  const { subject, source, requestId } = context;
  const { object, quiet = false } = bound.operation;
  const fields = typeof input === 'object' && input !== null ? { ...input } : {};
  return {
    subject,
    source,
    requestId,
    operation: bound.id,
    quiet,
    ...(object ? { object: { kind: object.kind, ref: refOf(object, fields) } } : {}),
  };
}

export function isOperationId(id: string): id is OperationId {
  return Object.hasOwn(registry, id);
}

/** Why this subject may not have this done, whatever it is about; undefined where it may. */
export function refusalOf(operation: Operation, subject: Subject): AppError | undefined {
  const { permission, id } = operation;
  if (permission === 'public') return undefined;
  if (subject.via === 'none') {
    return new AppError('AUTH_REQUIRED', `${id} needs to know who calls.`);
  }
  if (!subject.permissions.has(permission)) {
    const message = `${subject.name} lacks the permission ${permission}.`;
    return new AppError('PERMISSION_DENIED', message, { permission });
  }
  if (operation.hostBound && subject.via !== 'socket') {
    return new AppError(
      'CAPABILITY_MISSING',
      `${id} needs the drives and files of the daemon’s host: run it there, over its local socket.`,
      { operation: id },
    );
  }
  return undefined;
}

function codeOf(error: unknown): string {
  return error instanceof AppError ? error.code : 'INTERNAL';
}
