import type { Static, TObject, TSchema } from 'typebox';

import type { ErrorCode } from '../core/types/errors/codes.js';
import type { Requirement } from '../core/types/constants/permissions.js';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export type OperationKind = 'query' | 'mutation' | 'stream';

/**
 * One thing the product can do, as data. Every transport, the typed client, the permission matrix and the API
 * reference are made from it; nothing is written per transport.
 */
export interface Operation<
  Id extends string = string,
  Input extends TObject = TObject,
  Output extends TSchema = TSchema,
  Kind extends OperationKind = OperationKind,
> {
  /** `<plural noun>.<verb>`, such as `nodes.create`. Stable: clients and audit logs know it. */
  readonly id: Id;
  /** A query changes nothing; a mutation may; a stream sends `output` again and again until it is closed. */
  readonly kind: Kind;
  readonly summary: string;
  /** What the caller must hold, or `public`. There is no operation that does not say. */
  readonly permission: Requirement;
  /** `:name` parts of the path are fields of the input; of the rest, GET and DELETE read the query string, others the body. */
  readonly http: readonly [HttpMethod, `/v1/${string}`];
  /** 202 where the answer carries an operation record that goes on after it. */
  readonly httpStatus?: 200 | 201 | 202;
  readonly input: Input;
  readonly output: Output;
  /** Codes a caller should expect from the rules, beside those every operation may answer. */
  readonly errors: readonly ErrorCode[];
  /** Whether an Idempotency-Key is honoured: the same key and input run once and answer alike. */
  readonly idempotent?: boolean;
  /** Fields of the output that are answered once and never kept: not for a retry, not in a log. */
  readonly secrets?: readonly string[];
  /** Weight against the caller's rate limit. Default: 1 for a query, 5 for what changes something or stays open. */
  readonly cost?: number;
  /** Needs the drives or files of the daemon's host, so only its local socket serves it. */
  readonly hostBound?: true;
  /** What it acts on, and the field of the input that names it. A mutation may act on an object of one's own only, see `objectRules`. */
  readonly object?: ObjectBinding;
  /**
   * The result depends on nothing but the input and objects of this kind: it may be kept for as long as no event of this topic has
   * happened.
   */
  readonly cache?: 'node';
  /** A stream whose source waits for its reader: one that takes nothing for a while is not cut, but over WebSocket, where others are held up by it. */
  readonly paced?: true;
  /** A stream that does something, and does not only show: it is in the audit log as a change is. */
  readonly audited?: true;
  /** Success is not worth an entry in the audit log, failure is. */
  readonly quiet?: true;
}

/** Kinds of objects that belong to someone or are named in the audit log. */
export type ObjectKind =
  | 'node'
  | 'container'
  | 'secret'
  | 'nodeToken'
  | 'operation'
  | 'member'
  | 'token'
  | 'role'
  | 'daemon';

export interface ObjectBinding {
  readonly kind: ObjectKind;
  readonly field: string;
  /** It is made by the call: there is nobody yet whom it belongs to. */
  readonly isNew?: true;
}

/** Declares an operation. A function only so that the compiler checks the shape and keeps the literal types. */
export function operation<
  const Id extends string,
  Input extends TObject,
  Output extends TSchema,
  const Kind extends OperationKind,
>(spec: Operation<Id, Input, Output, Kind>): Operation<Id, Input, Output, Kind> {
  return spec;
}

export type InputOf<O> = O extends Operation<string, infer I> ? Static<I> : never;
export type OutputOf<O> = O extends Operation<string, TObject, infer R> ? Static<R> : never;
