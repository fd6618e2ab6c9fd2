import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { Agent, request } from 'undici';

import type { OperationInput } from '../../src/contract/registry.js';
import type { Permission } from '../../src/core/types/constants/permissions.js';
import type { Tracing } from '../../src/daemon/observability/tracing.js';

import { SyntropyClient } from '../../src/client/client.js';
import { localSocket } from '../../src/client/node/local-socket.js';
import { loadConfig } from '../../src/core/config/load.js';
import { resolveStatePaths } from '../../src/core/config/state-paths.js';
import { compose, type Daemon } from '../../src/daemon/compose.js';
import { listenOnSocket } from '../../src/daemon/socket.js';
import { newestSchema } from './newest-schema.js';
import { builtForMachines } from './built-for-machines.js';
import { freshDatabase } from './postgres.js';

export const PASSWORD = 'correct horse battery staple';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever a daemon says; tests look into it
  readonly body: any;
}

/** One of several daemons on one database, in this process, with its local socket and a TLS listener. */
export interface Replica {
  readonly daemon: Daemon;
  readonly url: string;
  readonly port: number;
  /** Over the local socket. */
  readonly admin: SyntropyClient;
  readonly socketPath: string;
  /** One request over TLS. */
  ask(method: string, url: string, options?: AskOptions): Promise<Answer>;
  stop(): Promise<void>;
}

export interface AskOptions {
  readonly token?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** So many daemons on one database, as they run beside each other on several hosts. */
export async function remoteWorld(
  options: { replicas?: number; config?: Record<string, string>; tracing?: Tracing } = {},
) {
  const database = await freshDatabase();
  const home = await mkdtemp(path.join(os.tmpdir(), 'syntropy-remote-'));
  const agent = new Agent({ connect: { rejectUnauthorized: false }, pipelining: 0 });
  const logLines: string[] = [];
  const log = pino(
    { level: 'trace' },
    new Writable({
      write(chunk, _, done) {
        logLines.push(String(chunk));
        done();
      },
    }),
  );
  const start = async (name: string, listen = '127.0.0.1:0'): Promise<Replica> => {
    const paths = resolveStatePaths(path.join(home, name));
    const daemon = await compose({
      config: await loadConfig({
        file: paths.configFile,
        env: {},
        flags: { 'api.listen': listen, ...options.config },
      }),
      database,
      schemaVersion: newestSchema,
      masterKey: Buffer.alloc(32, 7),
      paths,
      log,
      ...builtForMachines,
      writerEntry: path.resolve('dist/writer.mjs'),
      daemonId: randomUUID(),
      ...(options.tracing ? { tracing: options.tracing } : {}),
      onStop: () => undefined,
    });
    await listenOnSocket(daemon.rest, paths.socketPath, undefined);
    const url = daemon.facts().api?.url ?? '';
    return {
      daemon,
      url,
      port: Number(new URL(url).port),
      socketPath: paths.socketPath,
      admin: new SyntropyClient({ transport: localSocket(paths.socketPath) }),
      ask: (method, target, asked) => ask(agent, `${url}${target}`, method, asked),
      stop: () => daemon.close(),
    };
  };
  const replicas: Replica[] = [];
  for (let n = 0; n < (options.replicas ?? 1); n += 1) replicas.push(await start(`replica-${n}`));
  const [first] = replicas;
  if (!first) throw new TypeError('A world has at least one daemon.');
  return {
    ...first,
    replicas,
    database,
    log: logLines,
    start,
    /** Makes a member, redeems the invitation, answers the tokens of its first session. */
    signedIn: async (name: string, rest: Partial<OperationInput<'members.create'>> = {}) => {
      const { invitation } = await first.admin.call('members.create', { name, ...rest });
      const { body } = await first.ask('POST', '/v1/sessions', {
        body: { invitation: invitation?.secret, password: PASSWORD },
      });
      const { accessToken, refreshToken } = body;
      const signedIn: SignedIn = { name, id: String(body.member.id), accessToken, refreshToken };
      return signedIn;
    },
    /** A role of its own with exactly these permissions, and a member who has it. */
    role: (role: string, permissions: readonly Permission[]) =>
      first.admin.call('roles.set', { role, permissions: [...permissions] }),
    async [Symbol.asyncDispose]() {
      await agent.destroy();
      for (const replica of replicas) await replica.stop();
      await database[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true });
    },
  };
}

export type RemoteWorld = Awaited<ReturnType<typeof remoteWorld>>;

export interface SignedIn {
  readonly name: string;
  readonly id: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

async function ask(
  agent: Agent,
  url: string,
  method: string,
  { token, body, headers = {} }: AskOptions = {},
): Promise<Answer> {
  const answer = await request(url, {
    method,
    dispatcher: agent,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    headersTimeout: 20_000,
    bodyTimeout: 20_000,
  });
  const text = await answer.body.text();
  return { status: answer.statusCode, headers: answer.headers, body: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
