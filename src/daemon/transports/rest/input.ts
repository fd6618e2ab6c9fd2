import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

import type { Operation } from '../../../contract/operation.js';

import { AppError } from '../../../core/types/errors/app-error.js';

interface Parts {
  readonly query: Readonly<Record<string, unknown>>;
  readonly params: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly headers: IncomingHttpHeaders;
}

/**
 * Puts an operation's input together from path, query and body. A field may come from one of them only. Text of path
 * and query becomes the number or boolean that the contract asks for; a body is taken as it is.
 * @throws {AppError} INPUT_INVALID.
 */
export function inputOf(operation: Operation, parts: Parts): Record<string, unknown> {
  const properties = operation.input.properties;
  const input: Record<string, unknown> = { ...bodyOf(operation, parts.body) };
  for (const source of [parts.query, parts.params]) {
    for (const [name, value] of Object.entries(source)) {
      if (Object.hasOwn(input, name)) {
        throw new AppError('INPUT_INVALID', `"${name}" is given twice.`, { field: name });
      }
      input[name] = typeof value === 'string' ? coerced(properties[name], value) : value;
    }
  }
  return Object.assign(input, fromHeaders(operation, parts.headers));
}

/**
 * What HTTP says in headers. A browser that reconnects resumes by Last-Event-ID, which wins over the query of its first request;
 * If-Match is the version that the caller has seen (RFC 9110 §13.1.1).
 */
function fromHeaders(
  operation: Operation,
  headers: IncomingHttpHeaders,
): Readonly<Record<string, unknown>> {
  const { properties } = operation.input;
  const last = headers['last-event-id'];
  if (operation.kind === 'stream' && 'after' in properties && typeof last === 'string') {
    return { after: last };
  }
  const match = headers['if-match'];
  if (match === undefined || match === '*' || !('ifVersion' in properties)) return {};
  const version = /^"(\d{1,15})"$/.exec(match)?.[1];
  if (version !== undefined) return { ifVersion: Number(version) };
  throw new AppError('INPUT_INVALID', 'If-Match must be an ETag that this daemon gave.', {
    field: 'If-Match',
  });
}

function bodyOf(operation: Operation, body: unknown): Record<string, unknown> {
  if (body === undefined || body === null) return {};
  const method = operation.http[0];
  if (method === 'GET' || method === 'DELETE') {
    throw new AppError('INPUT_INVALID', `A ${method} request takes no body.`);
  }
  if (typeof body !== 'object' || Array.isArray(body)) {
    throw new AppError('INPUT_INVALID', 'The body must be a JSON object.');
  }
  return { ...body };
}

function coerced(schema: unknown, text: string): unknown {
  const type =
    typeof schema === 'object' && schema !== null && 'type' in schema ? schema.type : undefined;
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  if (type === 'integer' && /^-?\d{1,15}$/.test(text)) return Number(text);
  return text;
}

/** An Idempotency-Key: 1 to 255 printable ASCII characters (draft-ietf-httpapi-idempotency-key-header-07). */
export function idempotencyKeyOf(request: IncomingMessage): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && /^[\u0021-\u007e]{1,255}$/.test(key)) return key;
  throw new AppError(
    'INPUT_INVALID',
    'The Idempotency-Key must be 1 to 255 printable characters.',
    {
      field: 'Idempotency-Key',
    },
  );
}
