import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { Redis } from 'ioredis';

import { waitFor } from './wait-for.js';

/** A real Redis of one test’s own, empty at each start, on a socket of its own. */
export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  /** Kills it; whoever is connected learns at once. */
  stop(): Promise<void>;
  /** Starts it again, empty. */
  start(): Promise<void>;
  /** Makes it say nothing any more, with its connections open. */
  freeze(): void;
  thaw(): void;
  /** Asks it something over a connection of the test’s own. */
  ask<T>(work: (redis: Redis) => Promise<T>): Promise<T>;
}

/** Starts the server, says its process id, and kills it when nobody holds the other end of stdin any more. */
const KEEPER = 'redis-server "$@" >&2 & echo $!; cat >&2; kill -9 $!';

/** Starts a server; `args` are further ones of redis-server’s. */
export async function startRedis(...args: readonly string[]): Promise<TestRedis> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'syntropy-redis-'));
  const socket = path.join(directory, 'redis.sock');
  const files = ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', directory];
  let server: Awaited<ReturnType<typeof keep>> | undefined;

  const start = async () => {
    server = await keep([...files, ...args]);
    await waitFor('redis-server', () => answers(socket));
  };
  const stop = async () => {
    await server?.end();
    server = undefined;
    await rm(socket, { force: true });
  };
  const remove = async () => {
    await stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    url: `unix://${socket}`,
    start,
    stop,
    freeze: () => server?.send('SIGSTOP'),
    thaw: () => server?.send('SIGCONT'),
    async ask(work) {
      const client = connect(socket);
      try {
        await client.connect();
        return await work(client);
      } finally {
        client.disconnect();
      }
    },
    [Symbol.asyncDispose]: remove,
  };
}

/** Runs a server that cannot outlive this process, however that ends. */
async function keep(args: readonly string[]) {
  const keeper = spawn('sh', ['-c', KEEPER, 'sh', ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
  const [said] = await once(keeper.stdout, 'data');
  const pid = Number(String(said).trim());
  return {
    send: (signal: NodeJS.Signals) => {
      process.kill(pid, signal);
    },
    async end() {
      const ended = once(keeper, 'exit');
      keeper.stdin.end();
      await ended;
    },
  };
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = net.connect(socket);
    connection.once('error', () => resolve(false));
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
  });
}

function connect(socket: string): Redis {
  const client = new Redis({ path: socket, lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => undefined);
  return client;
}
