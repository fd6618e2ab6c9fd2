import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import os from 'node:os';
import path from 'node:path';

import type { OperationId, OperationOutput } from '../../src/contract/registry.js';

import { API_VERSION, registry } from '../../src/contract/registry.js';
import { ADMIN_ID, ADMIN_NAME } from '../../src/core/types/constants/admin.js';
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
  const server = createServer(listener(answers, headers, calls));
  server.listen(path.join(stateDir, 'daemon.sock'));
  await once(server, 'listening');
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

/** What a server proves itself with; without it, it speaks plain HTTP. */
export interface ServerIdentity {
  readonly key: string;
  /** Its certificate, and those that it sends along. */
  readonly cert: string;
}

/** The same, on a port of this machine. `stateDir` is a client's own, with no daemon in it. */
export async function scriptedServer(
  answers: Answers,
  identity?: ServerIdentity,
  { host = '127.0.0.1', port = 0, headers = {} } = {},
) {
  const stateDir = await mkdtemp(path.join(os.tmpdir(), 'syntropy-remote-'));
  const calls: ReceivedCall[] = [];
  const heard = listener(answers, headers, calls);
  const server = identity ? createTlsServer(identity, heard) : createServer(heard);
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    stateDir,
    calls,
    port: bound,
    url: `${identity ? 'https' : 'http'}://${host}:${bound}`,
    /** Ends as a server does that is switched off. */
    close,
    [Symbol.asyncDispose]: async () => {
      await close();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

function listener(answers: Answers, headers: Record<string, string>, calls: ReceivedCall[]) {
  return (request: IncomingMessage, response: ServerResponse) => {
    for (const [name, value] of Object.entries({ 'syntropy-api': API_VERSION, ...headers })) {
      response.setHeader(name, value);
    }
    void respond(request, response, answers, calls);
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
    const value: unknown = await Promise.resolve(answer(call, response));
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
    owner: { id: ADMIN_ID, name: ADMIN_NAME },
    status: 'provisioned',
    statusSince: at,
    labels: {},
    createdAt: at,
    updatedAt: at,
    version: 1,
    ...rest,
  };
}

/** A member as the daemon would show it. */
export function memberNamed(
  name: string,
  rest: Partial<Item<'members.get'>> = {},
): Item<'members.get'> {
  const at = '2026-01-02T03:04:05.000Z';
  return {
    id: '018f6e2a-0000-7000-8000-0000000000bb',
    name,
    status: 'active',
    roles: ['member'],
    createdAt: at,
    updatedAt: at,
    version: 1,
    ...rest,
  };
}
