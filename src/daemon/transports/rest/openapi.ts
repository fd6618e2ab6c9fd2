import type { TObject } from 'typebox';

import type { Operation } from '../../../contract/operation.js';
import type { ErrorCode } from '../../../core/types/errors/codes.js';

import { API_VERSION, registry } from '../../../contract/registry.js';
import { Problem } from '../../../contract/schemas/problem.js';
import { errorCodes } from '../../../core/types/errors/codes.js';

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: unknown;
}

/** The API as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1), made from the registry and so as complete as it. */
export function openApiDocument(): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of Object.values<Operation>(registry)) {
    const [method, path] = operation.http;
    const template = path.replaceAll(/:(\w+)/g, '{$1}');
    paths[template] = { ...paths[template], [method.toLowerCase()]: describe(operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Syntropy',
      version: API_VERSION,
    },
    servers: [{ url: 'http://syntropy', description: 'The local socket.' }],
    paths,
    components: { schemas: { Problem } },
  };
}

function describe(operation: Operation): Record<string, unknown> {
  const [method, path] = operation.http;
  const inPath = [...path.matchAll(/:(\w+)/g)].map((match) => match[1] ?? '');
  const rest = without(operation.input, inPath);
  const inQuery = method === 'GET' || method === 'DELETE';
  return {
    operationId: operation.id,
    summary: operation.summary,
    'x-permission': operation.permission,
    parameters: parameters(operation, inPath, inQuery),
    ...(inQuery || Object.keys(rest.properties).length === 0
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: rest } } } }),
    responses: {
      [operation.httpStatus ?? 200]: answer(operation),
      default: {
        description: `A failure. Codes to expect: ${codesOf(operation)}.`,
        content: {
          'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
        },
      },
    },
  };
}

function parameters(
  operation: Operation,
  inPath: readonly string[],
  inQuery: boolean,
): Parameter[] {
  const { properties } = operation.input;
  const required: readonly string[] = operation.input.required ?? [];
  const named = Object.entries(properties).flatMap(([name, schema]): Parameter[] => {
    if (inPath.includes(name)) return [{ name, in: 'path', required: true, schema }];
    return inQuery ? [{ name, in: 'query', required: required.includes(name), schema }] : [];
  });
  const header = {
    in: 'header',
    required: false,
    schema: { type: 'string', maxLength: 255 },
  } as const;
  if (operation.kind === 'mutation') named.push({ name: 'Idempotency-Key', ...header });
  if (operation.kind === 'stream') named.push({ name: 'Last-Event-ID', ...header });
  return named;
}

function answer(operation: Operation): Record<string, unknown> {
  const type = operation.kind === 'stream' ? 'text/event-stream' : 'application/json';
  return { description: operation.summary, content: { [type]: { schema: operation.output } } };
}

function codesOf(operation: Operation): string {
  const codes = new Set<ErrorCode>([...operation.errors, 'INPUT_INVALID', 'PERMISSION_DENIED']);
  return [...codes].map((code) => `${code} (${errorCodes[code].httpStatus})`).join(', ');
}

function without(input: TObject, names: readonly string[]) {
  const { properties, ...rest } = input;
  const required: readonly string[] = input.required ?? [];
  return {
    ...rest,
    properties: Object.fromEntries(
      Object.entries(properties).filter(([name]) => !names.includes(name)),
    ),
    required: required.filter((name) => !names.includes(name)),
  };
}
