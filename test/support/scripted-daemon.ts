import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import type { OperationId, OperationOutput } from '../../src/contract/registry.js';

import { API_VERSION, registry } from '../../src/contract/registry.js';
import { AppError } from '../../src/core/types/errors/app-error.js';
import { isOperationId } from '../../src/daemon/dispatch.js';
import { toProblem } from '../../src/daemon/transports/rest/problem.js';

/** A request as it arrived, so that a test can say what a command asked for. */
export interface ReceivedCall {
  readonly operation: OperationId;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly headers: IncomingMessage['headers'];
}

type Item<Id extends OperationId> = OperationOutput<Id>;

/** What one operation answers: a value of the contract's shape, or raw bytes to misbehave with. */
export type Answer<Id extends OperationId> = (
  call: ReceivedCall,
  response: ServerResponse,
) => Promise<Item<Id> | undefined> | Item<Id> | undefined;

export type Answers = { readonly [Id in OperationId]?: Answer<Id> };

/**
 * A daemon that says what a test tells it to, over a real socket. For what a real daemon never does on demand: being of
 * another version, answering nonsense, or not at all. An answer that throws an AppError becomes its problem document;
 * one that returns undefined has written the response itself.
 */
export async function scriptedDaemon(answers: Answers, headers: Record<string, string> = {}) {
  const stateDir = await mkdtemp(path.join(os.tmpdir(), 'syntropy-scripted-'));
  const calls: ReceivedCall[] = [];
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries({ 'syntropy-api': API_VERSION, ...headers })) {
      response.setHeader(name, value);
    }
    void respond(request, response, answers, calls);
  });
  await new Promise<void>((resolve) => {
    server.listen(path.join(stateDir, 'daemon.sock'), resolve);
  });
  return {
    stateDir,
    calls,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  answers: Answers,
  calls: ReceivedCall[],
): Promise<void> {
  try {
    const call = await received(request);
    calls.push(call);
    const answer = answers[call.operation];
    if (!answer) throw new AppError('CAPABILITY_MISSING', `Not scripted: ${call.operation}.`);
    const value = await answer(call, response);
    if (value === undefined) return;
    const spec: { readonly httpStatus?: number } = registry[call.operation];
    send(response, spec.httpStatus ?? 200, 'application/json', value);
  } catch (error) {
    const problem = toProblem(error, '00000000-0000-4000-8000-000000000000');
    send(response, problem.status, 'application/problem+json', problem);
  }
}

function send(response: ServerResponse, status: number, type: string, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

async function received(request: IncomingMessage): Promise<ReceivedCall> {
  const url = new URL(request.url ?? '/', 'http://syntropy');
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  const text = Buffer.concat(chunks).toString();
  for (const [id, { http }] of Object.entries(registry)) {
    const pattern = new RegExp(`^${http[1].replaceAll(/:(\w+)/g, '(?<$1>[^/]+)')}$`);
    const match = pattern.exec(url.pathname);
    if (http[0] !== request.method || !match || !isOperationId(id)) continue;
    const params = Object.entries(match.groups ?? {});
    return {
      operation: id,
      path: url.pathname,
      params: Object.fromEntries(params.map(([name, value]) => [name, decodeURIComponent(value)])),
      query: Object.fromEntries(url.searchParams),
      body: text === '' ? undefined : JSON.parse(text),
      headers: request.headers,
    };
  }
  throw new AppError('ROUTE_NOT_FOUND', `There is no ${request.method} ${url.pathname}.`);
}

/** A node as the daemon would show it. */
export function nodeNamed(name: string, rest: Partial<Item<'nodes.get'>> = {}): Item<'nodes.get'> {
  const at = '2026-01-02T03:04:05.000Z';
  return {
    id: '018f6e2a-0000-7000-8000-000000000001',
    name,
    owner: { id: '00000000-0000-4000-8000-000000000001', name: 'admin' },
    status: 'provisioned',
    statusSince: at,
    labels: {},
    createdAt: at,
    updatedAt: at,
    version: 1,
    ...rest,
  };
}
